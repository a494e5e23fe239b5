"""Random state: seeds are set for a training, and put back as they were after it.

On TensorFlow `keras.utils.set_random_seed` also empties the cache of compiled kernels, so that its own stateful
random operations begin anew; the next call of every compiled function then takes 100 ms and more. Keras' layers draw
by stateless operations from seeds of their own, so this is needed for the user's own code only.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED


def set_seeds(seed: int, own_code: bool = True) -> None:
    """Set the seeds of Python, NumPy, Keras and its backend as `keras.utils.set_random_seed` does.

    Args:
        seed: Of everything.
        own_code: Whether layers, losses or functions may draw by the backend's own stateful operations.
    """
    context = None if own_code else _tensorflow_context()
    if context is None:
        keras.utils.set_random_seed(seed)
        return
    global_state.set_global_attribute(GLOBAL_RANDOM_SEED, seed)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, None)
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
    context = _tensorflow_context()
    tensorflow_state = None if context is None else (context._seed, context._rng)
    names = (GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR)
    keras_state = {name: global_state.get_global_attribute(name) for name in names}
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        if torch_state is not None:
            torch.random.set_rng_state(torch_state)
        if context is not None and tensorflow_state is not None:
            context._seed, context._rng = tensorflow_state
        for name, value in keras_state.items():
            global_state.set_global_attribute(name, value)


def _tensorflow_context() -> Any:
    """Return where TensorFlow keeps its global seed, which it cannot be asked for in public; None on other backends."""
    if keras.backend.backend() != "tensorflow":
        return None
    try:
        from tensorflow.python.eager import context

        found = context.context()
        return found if hasattr(found, "_seed") and hasattr(found, "_rng") else None
    except ImportError:
        return None
