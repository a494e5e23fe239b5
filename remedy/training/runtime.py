"""Two waits that are spared: TensorFlow's for its iterators, and Python's for its garbage.

TensorFlow tunes every dataset iterator by a thread that sleeps for doubling periods, and freeing an
iterator waits until that thread wakes: up to as long as the iterator has lived (TensorFlow 2.21; a
callback of 10 seconds was followed by up to 10 more before the next batch). So the iterators of the
epoch that has just ended are freed before a search begins and not after it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


def free_iterators() -> None:
    """Free the used-up iterators of the ``Model.fit`` that is waiting for us; on other backends there are none.

    With ``steps_per_epoch`` Keras goes on with the same iterator in the next epoch, so it stays.
    """
    frame: Any = sys._getframe()
    while frame is not None and not (frame.f_code.co_name == "fit" and "epoch_iterator" in frame.f_locals):
        frame = frame.f_back
    if frame is None:
        return
    with suppress(AttributeError):  # Names of Keras' and TensorFlow's own; another version may have others.
        training, held = frame.f_locals["epoch_iterator"], frame.f_locals["self"]._eval_epoch_iterator
        used = [frame.f_locals.get("iterator")] if training.steps_per_epoch is None else []
        used += [e._current_iterator for e in (training, held) if e is not None and e.steps_per_epoch is None]
        for iterator in used:
            if type(iterator).__name__ == "OwnedIterator":
                iterator._iterator_resource = None


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let Python's collector pass over what is there already, and look for garbage seldom.

    Compiled models are millions of small objects; walking through them took a fifth of a search.
    """
    threshold = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        gc.unfreeze()
