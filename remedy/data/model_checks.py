"""What a live model has to be before it is trained: compiled, and with an output that its target fits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.data.arrays import Nest
from remedy.data.heads import Head, heads_of
from remedy.data.rows import Rows
from remedy.data.scores import Task
from remedy.data.task import infer_task, rebuilds
from remedy.errors import InvalidInput, ModelError
from remedy.keras_internals import is_keras

log = logging.getLogger(__name__)


def require_compiled(model: Any) -> None:
    """Raise `ModelError` unless the model is a compiled Keras model."""
    if not hasattr(model, "fit") or not hasattr(model, "compiled"):
        raise ModelError(f"{type(model).__name__} is no Keras 3 model; remedy.fit takes keras.Model objects.")
    if not model.compiled:
        raise ModelError("The model is not compiled. Call model.compile(optimizer=..., loss=...) first.")


def build_if_needed(model: Any, X: Nest) -> None:
    """Build a Sequential model that was given no Input, so that its layers can be read."""
    if not model.built and type(model).__name__ == "Sequential" and isinstance(X, np.ndarray):
        model.build((None, *X.shape[1:]))


def check_output(model: Any, rows: Rows) -> None:
    """Ask the loss itself whether it takes these labels for this output."""
    import keras

    build_if_needed(model, rows.X)
    names = list(getattr(model, "output_names", None) or ()) if model.built else []
    if isinstance(rows.y, Mapping) and len(names) > 1 and not _fits(rows.y, model, names):
        given = ", ".join(map(repr, rows.y))
        raise InvalidInput(
            f"y holds {given}; the model's outputs are {', '.join(map(repr, names))}. Give labels for each of them."
        )
    shape = getattr(model, "output_shape", None) if model.built else None
    if not (isinstance(shape, tuple) and all(isinstance(s, int) for s in shape[1:]) and isinstance(rows.y, np.ndarray)):
        return
    if model.loss is None or isinstance(model.loss, (list, dict)) or rows.y.ndim > 2 or len(shape) != 2:
        return
    if not isinstance(model.loss, str) and not is_keras(model.loss):
        return  # A loss of the user's own may take nothing but tensors.
    try:
        loss = keras.losses.get(model.loss)
        sample = rows.y[:2].astype("float32")
        if (
            sample.ndim == len(shape) - 1
            and "Sparse" not in type(loss).__name__
            and "sparse" not in getattr(loss, "__name__", "")
        ):
            sample = sample[..., None]
        value = keras.ops.convert_to_numpy(loss(sample, np.full((len(sample), *shape[1:]), 0.5, "float32")))
    except (ValueError, TypeError) as error:
        name = model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", type(model.loss).__name__)
        raise InvalidInput(
            f"y of shape {rows.y.shape} does not fit the model's output {shape} under {name}: "
            f"{str(error).splitlines()[0]} Change the units of the last layer, or the coding of y."
        ) from error
    except Exception:  # A backend that checks shapes in its own way: Keras will say it in fit.
        log.debug("shapes are not checked before training", exc_info=True)
        return
    del value


def _fits(y: Nest, model: Any, names: list[str]) -> bool:
    """Say whether labels by name name every output."""
    output = getattr(model, "output", None)
    return set(y) in (set(names), set(output) if isinstance(output, Mapping) else set(names))


def task_of(model: Any, rows: Rows) -> Task:
    """Say what the labels ask for; an autoencoder's are its inputs, and no classes."""
    shape, y = getattr(model, "output_shape", None) if model.built else None, rows.target
    alike = isinstance(shape, tuple) and tuple(shape[1:]) == y.shape[1:] and "sparse" not in (loss_name(model) or "")
    if alike and y.ndim > 1 and len(np.unique(y[:100])) > 2 and rebuilds(rows.X, y):
        return "regression"
    return infer_task(rows.y, loss_name(model), output_units(model))


def heads_and_task(model: Any, rows: Rows) -> tuple[tuple[Head, ...], Task]:
    """Return the outputs of a model of several, none for others, and what the labels ask for."""
    heads = heads_of(model, rows.y)
    return heads, "several" if heads else task_of(model, rows)


def loss_name(model: Any) -> str | None:
    """Return the name of a compiled loss, or None."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", None)


def output_units(model: Any) -> int | None:
    """Return the size of a built model's last axis, or None."""
    shape = getattr(model, "output_shape", None) if model.built else None
    last = shape[-1] if isinstance(shape, tuple) and shape else None
    return last if isinstance(last, int) else None
