"""What TensorFlow and Python keep while many models are trained: iterators, garbage, traced graphs.

TensorFlow tunes every dataset iterator by a thread that sleeps for doubling periods, and freeing an
iterator waits until that thread wakes: up to as long as the iterator has lived (TensorFlow 2.21; a
callback of 10 seconds was followed by up to 10 more before the next batch). So the iterators of the
epoch that has just ended are freed before a search begins and not after it.

Every custom gradient that is traced is entered into a registry of the process, together with the graph around it;
Keras' optimizers sum gradients through one. Nothing leaves that registry, so each traced model would stay in memory
for ever: 2 to 4 MB for a small network.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from remedy.keras_internals import gradient_registry


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


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Take the custom gradients that were traced meanwhile out of TensorFlow's registry at the end.

    They are asked for while their own graph is differentiated, which a training step does as it is traced. What
    was registered before, the user's own included, stays.
    """
    registry = gradient_registry()
    known = frozenset(registry)
    try:
        yield
    finally:
        for name in [name for name in registry if name not in known and name.startswith("CustomGradient-")]:
            del registry[name]
