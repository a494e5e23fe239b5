"""What the weights are worth that a training begins from, where some of them were loaded or trained before.

Fine-tuning fails in ways that training from scratch does not: rows are not scaled as the loaded layers expect, or a
large rate destroys them in the first steps. Both show on the starting weights themselves: in the averages that a
BatchNormalization has kept, and in what a linear model reaches on the last features.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.evidence.baseline import shallow_baseline
from remedy.evidence.records import Start
from remedy.evidence.static import probe
from remedy.keras_internals import every_layer, layers_in_order
from remedy.recipe.architecture import KERNEL_LAYERS, name_of
from remedy.recipe.input_scaling import CHANNELS, PREPROCESSING, InputScaling
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import pretrained

log = logging.getLogger(__name__)

ROWS, STATISTICS_ROWS = 512, 64
"""Rows whose features a linear model is fitted on, and rows that averages are compared on."""

MOST_FEATURES = 4096
"""Features with more values a row are averaged over their positions."""

FAR, NEARER = 1.0, 0.4
"""Averages further off than this are looked into; a preprocessing is named where it leaves this share of it at most."""

BATCH = 32

MOST_UNIT, MOST_BYTE = 1.5, 255
"""Pixels up to this are taken for scaled to 0..1 or -1..1, and for bytes."""

_FITTING: WeakKeyDictionary[Rows, dict[str, str | None]] = WeakKeyDictionary()
"""What was found to fit by architecture, for as long as the rows are kept: a search asks for it again and again."""


def starting_point(recipe: Recipe, dataset: Dataset, epoch: int = 0) -> Start | None:
    """Measure what the weights of a recipe are worth that belong to it; None where it begins from fresh ones.

    Args:
        recipe: With the weights that were loaded or trained before among its ``kept_weights``.
        dataset: Rows it trains on.
        epoch: After how many epochs of the network this is measured.
    """
    known = pretrained(recipe)
    if not known or recipe.architecture.opaque:
        return None
    model, rows = recipe.build(dataset, 0), probe(dataset.train, ROWS)
    reader, name = _features(model)
    below = [entry for entry in recipe.architecture.layers(*KERNEL_LAYERS) if name_of(entry) in known - {name}]
    trained = sum(entry["config"].get("trainable", True) for entry in below)
    found = Start(epoch, len(known), name, trained=trained)
    if reader is not None:
        values = _answers(reader, rows)
        if values[0].size > MOST_FEATURES:
            values = values.mean(axis=tuple(range(1, values.ndim - 1)))
        flat = replace(rows, X=values.reshape(len(values), -1))
        shallow = shallow_baseline(flat, dataset.task, epoch=epoch, heads=dataset.heads)
        if shallow is not None:
            found = replace(found, score=shallow.score, error=shallow.error, constant=shallow.constant)
    return _with_statistics(found, model, recipe, dataset, rows, known)


def fitting_preprocessing(recipe: Recipe, dataset: Dataset) -> str | None:
    """Return the preprocessing with which rows reach the first loaded BatchNormalization as it expects them."""
    known, seen = pretrained(recipe), _FITTING.setdefault(dataset.train, {})
    if recipe.architecture.digest in seen:
        return seen[recipe.architecture.digest]
    if not any(name_of(entry) in known for entry in recipe.architecture.layers("BatchNormalization")):
        return None
    plain = recipe.replace(input_scaling=None)
    rows = probe(dataset.train, STATISTICS_ROWS)
    found = _with_statistics(Start(0, len(known), ""), plain.build(dataset, 0), plain, dataset, rows, known)
    return seen.setdefault(recipe.architecture.digest, found.fitting)


def possible_preprocessing(rows: Array) -> tuple[str, ...]:
    """Return the kinds of preprocessing that take pixels in the range of these rows.

    Example:
        >>> possible_preprocessing(np.array([[0.0, 255.0]]))
        ('bytes-to-signed', 'bytes-to-unit')
    """
    rows = arrays.some(rows)
    low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    if low < 0:
        return (
            tuple(kind for kind in PREPROCESSING if kind.startswith("signed")) if max(-low, high) <= MOST_UNIT else ()
        )
    if high <= MOST_UNIT:
        return tuple(kind for kind in PREPROCESSING if kind.startswith("unit"))
    if high > MOST_BYTE:
        return ()
    plain = tuple(kind for kind in PREPROCESSING if kind.startswith("bytes"))
    return plain + (tuple(CHANNELS) if rows.shape[-1] == 3 else ())


def _features(model: Any) -> tuple[Any, str]:
    """Return a model that gives what the last layer with weights reads, and that layer's name."""
    import keras

    last = next((layer for layer in reversed(model.layers) if layer.weights), None)
    if last is None or hasattr(last, "layers") or not isinstance(getattr(last, "input", None), keras.KerasTensor):
        return None, ""
    if any(last.input is part for part in model.inputs):
        return None, last.name
    return keras.Model(model.inputs, last.input, name="remedy_features"), str(last.name)


def _answers(reader: Any, rows: Rows) -> Array:
    """Return what a model answers in inference mode, some rows at a time."""
    import keras

    parts = [arrays.take(rows.X, slice(start, start + BATCH)) for start in range(0, len(rows), BATCH)]
    found = [reader(arrays.tree_map(keras.ops.convert_to_tensor, part), training=False) for part in parts]
    return np.concatenate([np.asarray(keras.ops.convert_to_numpy(part)) for part in found])


def _with_statistics(
    found: Start, model: Any, recipe: Recipe, dataset: Dataset, rows: Rows, known: frozenset[str]
) -> Start:
    """Add how far rows lie from what the first loaded BatchNormalization has averages of, as they are and rescaled."""
    some, parts = rows.take(np.arange(min(len(rows), STATISTICS_ROWS))), arrays.leaves(rows.X)
    averaged = [layer for layer in layers_in_order(model) if _has_averages(layer) and layer.name in known]
    if not averaged or len(parts) != 1 or parts[0].dtype.kind not in "biuf":
        return found
    first = averaged[0]
    own = _distance(model, first, some.X)
    if own is None:
        return found
    found = replace(found, normalization=str(first.name), mismatch=own)
    if own <= FAR:
        return found
    for kind in possible_preprocessing(parts[0]):
        twin = recipe.replace(input_scaling=InputScaling(kind)).build(dataset, 0)
        layer = next(layer for layer in every_layer(twin) if layer.name == first.name)
        distance = _distance(twin, layer, some.X)
        if distance is not None and distance < min(NEARER * own, found.fitted or math.inf):
            found = replace(found, fitting=kind, fitted=distance)
    return found


def _has_averages(layer: Any) -> bool:
    return type(layer).__name__ == "BatchNormalization" and getattr(layer, "moving_variance", None) is not None


class _Seen(Exception):
    """Ends a forward pass as soon as the layer was reached that is looked at."""


def _distance(model: Any, layer: Any, X: arrays.Nest) -> float | None:
    """Return how far what reaches a BatchNormalization lies from its averages; None where it is not reached."""
    import keras

    seen: list[Array] = []
    own = layer.call

    def spy(inputs: Any, *_: Any, **__: Any) -> Any:
        seen.append(np.asarray(keras.ops.convert_to_numpy(inputs), dtype="float64"))
        raise _Seen

    layer.call = spy
    try:
        model(arrays.tree_map(keras.ops.convert_to_tensor, X), training=False)
    except Exception:  # Keras wraps what is raised in a layer.
        log.debug("the forward pass ended at %s", layer.name)
    finally:
        layer.call = own
    return _apart(seen[0], layer) if seen and isinstance(layer.axis, int) else None


def _apart(values: Array, layer: Any) -> float:
    import keras

    axes = tuple(axis for axis in range(values.ndim) if axis != layer.axis % values.ndim)
    averages = (
        np.asarray(keras.ops.convert_to_numpy(w), "float64") for w in (layer.moving_mean, layer.moving_variance)
    )
    mean, variance = averages
    spread = np.sqrt(variance + layer.epsilon)
    shift = np.median(np.abs(values.mean(axes) - mean) / spread)
    ratio = (values.var(axes) + layer.epsilon) / (variance + layer.epsilon)
    return float(shift + np.median(np.abs(np.log(ratio))) / 2)
