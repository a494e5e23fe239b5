"""Random state: seeds are set for a training, and put back as they were after it.

On TensorFlow `keras.utils.set_random_seed` also empties the cache of compiled kernels, so that its own stateful
random operations begin anew; the next call of every compiled function then takes 100 ms and more. Keras' layers draw
by stateless operations from seeds of their own, so this is needed for the user's own code only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

from remedy.keras_internals import random_state, seeded_state, set_random_state, tensorflow_context


def set_seeds(seed: int, own_code: bool = True) -> None:
    """Set the seeds of Python, NumPy, Keras and its backend as `keras.utils.set_random_seed` does.

    Args:
        seed: Of everything.
        own_code: Whether layers, losses or functions may draw by the backend's own stateful operations.
    """
    context, state = None if own_code else tensorflow_context(), seeded_state(seed)
    if context is None or not state:
        keras.utils.set_random_seed(seed)
        return
    set_random_state(state)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    context._seed, context._rng = seed, random.Random(seed)


@contextmanager
def keep_random_state() -> Iterator[None]:
    """Put the random state of Python, NumPy, torch and Keras' own seeds back at the end."""
    python, array = random.getstate(), np.random.get_state()
    torch_state = None
    if keras.backend.backend() == "torch":
        import torch

        torch_state = torch.random.get_rng_state()
    context = tensorflow_context()
    tensorflow_state = None if context is None else (context._seed, context._rng)
    keras_state = random_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        if torch_state is not None:
            torch.random.set_rng_state(torch_state)
        if context is not None and tensorflow_state is not None:
            context._seed, context._rng = tensorflow_state
        set_random_state(keras_state)
