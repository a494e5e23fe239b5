"""What TensorFlow keeps of a traced graph, and how a search that traces many gives it back.

Every custom gradient that is traced is entered into a registry of the process, together with the graph
around it; Keras' optimizers sum gradients through one. Nothing leaves that registry, so each traced
model would stay in memory for ever: 2 to 4 MB for a small network.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import keras


@contextmanager
def forgotten_gradients() -> Iterator[None]:
    """Take the custom gradients that were traced meanwhile out of TensorFlow's registry at the end.

    They are asked for while their own graph is differentiated, which a training step does as it is traced. What
    was registered before, the user's own included, stays.
    """
    registry = _registry()
    known = frozenset(registry)
    try:
        yield
    finally:
        for name in [name for name in registry if name not in known and name.startswith("CustomGradient-")]:
            del registry[name]


def _registry() -> MutableMapping[str, Any]:
    """Return TensorFlow's registry of gradients, which has no public way out; an empty one on other backends."""
    if keras.backend.backend() != "tensorflow":
        return {}
    try:
        from tensorflow.python.framework import ops

        found: MutableMapping[str, Any] = ops.gradient_registry._registry
        return found
    except (ImportError, AttributeError):
        return {}
