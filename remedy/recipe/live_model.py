"""What a live Keras model says of itself: its configuration, the user's own parts, weights that are no chance."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.keras_internals import compile_arguments, every_layer, layers_by_key

log = logging.getLogger(__name__)

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
    except Exception:  # A configuration of the user's own, which Keras cannot ask for.
        log.debug("%s has no configuration", type(model).__name__, exc_info=True)
        if made:
            return {"class_name": type(model).__name__, "config": {}}
        raise


def compiled_parts(model: Model) -> dict[str, Any]:
    """Return how a model was compiled; a loss or metric of the user's own that Keras cannot spell is named."""
    import keras

    try:
        found: dict[str, Any] = model.get_compile_config()
        return found
    except Exception:  # A loss or metric of the user's own.
        log.debug("parts of compile() are kept by name alone", exc_info=True)
        given = compile_arguments(model)
        kept = {name: _as_data(value) for name, value in given.items()}
        return {**kept, "optimizer": keras.optimizers.serialize(model.optimizer)}


def _as_data(value: Any) -> Any:
    import keras

    if isinstance(value, (list, tuple)):
        return [_as_data(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _as_data(part) for key, part in value.items()}
    try:
        return keras.saving.serialize_keras_object(value)
    except Exception:  # The same, part by part.
        log.debug("%r is kept by its name alone", value, exc_info=True)
        name = getattr(value, "__name__", type(value).__name__)
        return {"module": None, "class_name": name, "config": {"name": getattr(value, "name", name)}}


def first_line(error: Exception) -> str:
    """Return the first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def plain(value: Any) -> Any:
    """Turn NumPy scalars inside a configuration into Python numbers, tuples into lists."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def kept_weights(model: Model) -> dict[str, list[Any]]:
    """Return the weights of frozen layers and of layers adapted to data, by layer name."""
    kept = {}
    for key, layer in layers_by_key(model).items():
        own = [w for w in layer.weights if "seed" not in w.path]
        if own and not layer.trainable_weights and not hasattr(layer, "layers"):
            kept[key] = [np.asarray(w) for w in layer.get_weights()]
    return kept


def share_layers(one: Model, other: Model) -> bool:
    """Say whether two models are, or hold, one and the same layer: training the one would change the other."""
    ids = [{id(layer) for layer in every_layer(model, itself=True)} for model in (one, other)]
    return bool(ids[0] & ids[1])
