"""What a live Keras model says of itself: its configuration, the user's own parts, weights that are no chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy import arrays

Model = Any
"""A ``keras.Model``; Keras ships no types."""


def as_list(callbacks: Any) -> list[Any]:
    """Return the callbacks that were given to ``fit`` as a list."""
    inner = getattr(callbacks, "callbacks", callbacks)  # a keras CallbackList
    return list(inner) if isinstance(inner, (list, tuple)) else [] if inner is None else [inner]


def serialized(model: Model, made: bool) -> Any:
    """Return Keras' configuration of a model; the bare class of one that ``build=`` makes and Keras cannot spell."""
    import keras

    try:
        return keras.saving.serialize_keras_object(model)
    except Exception:
        if made:
            return {"class_name": type(model).__name__, "config": {}}
        raise


def plain(value: Any) -> Any:
    """Turn NumPy scalars inside a configuration into Python numbers, tuples into lists."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def custom_objects(model: Model) -> dict[str, Any]:
    """Collect the user's own layer classes and loss or metric functions by name."""
    found: dict[str, Any] = {}
    for part in filter(None, (model, getattr(model, "optimizer", None), *model._flatten_layers())):
        kind: Any = type(part)
        if not kind.__module__.startswith("keras"):
            found[kind.__name__] = kind
    compiled = getattr(model, "_compile_config", None)
    for value in arrays.leaves(dict(getattr(compiled, "config", {}) or {})):
        if callable(value) and not str(getattr(value, "__module__", "")).startswith("keras"):
            kind = value if hasattr(value, "__name__") else type(value)
            if not str(kind.__module__).startswith("keras"):
                found[kind.__name__] = kind
    return found


def kept_weights(model: Model) -> dict[str, list[Any]]:
    """Return the weights of frozen layers and of layers adapted to data, by layer name."""
    kept = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        own = [w for w in layer.weights if "seed" not in w.path]
        if own and not layer.trainable_weights and not hasattr(layer, "layers"):
            kept[layer.name] = [np.asarray(w) for w in layer.get_weights()]
    return kept
