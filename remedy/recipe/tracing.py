"""A subclassed model read as a graph: its ``call`` is followed once with symbols in the place of rows.

Most people write ``class Mine(keras.Model)`` with layers in ``__init__`` and a ``call``. Keras can neither make such a
model anew nor rewrite its layers. But what ``call`` does to symbols is a functional model of the same layers.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import ModelError
from remedy.keras_internals import calls_forgotten, is_keras
from remedy.recipe.live_model import Model
from remedy.recipe.recipe import Recipe
from remedy.recipe.seeds import keep_random_state

log = logging.getLogger(__name__)

ROWS = 4
TOLERANCE = 1e-4
"""Answers of a model and of its graph may differ by so much of their largest value, for rounding."""

OWN_TRAINING = ("train_step", "test_step", "fit", "compute_loss")
"""Where one of these is the user's own, a graph would be trained otherwise."""


def read_by_tracing(recipe: Recipe, model: Model, fit: Mapping[str, Any], dataset: Dataset) -> Recipe:
    """Return the recipe of a subclassed model with its layers as a graph; as it was where there is no such graph.

    Args:
        recipe: Whose architecture cannot be read.
        model: Built and compiled; it is left as it was.
        fit: Keywords of ``Model.fit``.
        dataset: Some of its rows are asked, to see that the graph is the model.
    """
    if not recipe.architecture.opaque:
        return recipe
    with keep_random_state(), calls_forgotten(model):
        graph = as_graph(model, dataset.train.X)
        if graph is None:
            return recipe
        try:
            return Recipe.from_model(model, fit, lambda: graph).replace(traced=True)
        except ModelError:
            log.debug("the graph of %s cannot be written down", type(model).__name__, exc_info=True)
            return recipe


def as_graph(model: Model, X: arrays.Nest) -> Model | None:
    """Return a functional model of the same layers, weights included; None where ``call`` cannot be followed.

    It cannot where it asks for values, does something else in training than at inference beside what its layers do, or
    adds losses by itself; nor where the training is the user's own.

    Args:
        model: A built subclassed model.
        X: Rows for it.
    """
    import keras

    kind = type(model)
    if is_keras(kind) or any(getattr(kind, name) is not getattr(keras.Model, name) for name in OWN_TRAINING):
        return None
    rows = arrays.take(X, slice(0, ROWS))
    try:
        graphs = []
        for training in (False, True):
            inputs = _symbols(X)
            graphs.append(keras.Model(inputs, _called(model, inputs, training)))
        graph = graphs[0]
        if _spelled(graphs[0]) != _spelled(graphs[1]) or len(graph.weights) != len(model.weights):
            return None
        ours, theirs = (keras.tree.flatten(one(rows, training=False)) for one in (model, graph))
        if len(model.losses) != len(graph.losses) or not all(map(_alike, ours, theirs)):
            return None
        return graph
    except Exception:  # What a user's call does to symbols is anybody's guess.
        log.debug("the call of %s cannot be followed", kind.__name__, exc_info=True)
        return None


def _symbols(X: arrays.Nest) -> Any:
    import keras

    if isinstance(X, Mapping):
        return {name: keras.Input(part.shape[1:], dtype=_dtype(part), name=str(name)) for name, part in X.items()}
    return keras.tree.map_structure(lambda part: keras.Input(part.shape[1:], dtype=_dtype(part)), X)


def _dtype(part: Any) -> str | None:
    return str(part.dtype) if part.dtype.kind in "iu" else None


def _called(model: Model, inputs: Any, training: bool) -> Any:
    """Return what ``call`` answers to symbols; whether it trains is told where it asks."""
    asks = "training" in inspect.signature(type(model).call).parameters
    return model.call(inputs, training=training) if asks else model.call(inputs)


def _spelled(graph: Model) -> list[tuple[str, str]]:
    """Return the operations of a graph in order: layers by name, others by kind."""
    import keras

    return [
        (type(op).__name__, op.name if isinstance(op, keras.Layer) and op.weights else "") for op in graph.operations
    ]


def _alike(ours: Any, theirs: Any) -> bool:
    ours, theirs = np.asarray(ours, dtype="float64"), np.asarray(theirs, dtype="float64")
    if ours.shape != theirs.shape:
        return False
    known = np.isfinite(ours)
    size = max(1e-6, float(np.abs(ours[known]).max(initial=0.0)))
    return bool(np.all(np.abs(ours - theirs)[known] <= TOLERANCE * size))
