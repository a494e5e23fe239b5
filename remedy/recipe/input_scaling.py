"""Scaling of inputs as a layer inside the model, fitted on the training rows."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.errors import NotApplicable
from remedy.keras_internals import numpy_module
from remedy.recipe.architecture import Architecture, LayerConfig, name_of
from remedy.recipe.readers import read_by_own_layer, takes_ids

SAMPLE_BYTES, SAMPLE_ROWS = 1 << 23, 256
"""Statistics of large data are those of random rows that take so many bytes, and of so many rows at least: from
20,000 rows of 100 columns the mean is known to 0.7 % of the spread."""

PREPROCESSING: Mapping[str, tuple[float, float]] = {
    "bytes-to-signed": (1 / 127.5, -1.0),
    "bytes-to-unit": (1 / 255, 0.0),
    "unit-to-bytes": (255.0, 0.0),
    "unit-to-signed": (2.0, -1.0),
    "signed-to-bytes": (127.5, 127.5),
    "signed-to-unit": (0.5, 0.5),
}
"""Factor and offset between the three ways in which pixels are handed to networks: 0..255, 0..1, and -1..1."""

CHANNELS: Mapping[str, tuple[tuple[float, float, float], tuple[float, float, float], bool]] = {
    "bytes-to-imagenet": ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), False),
    "bytes-to-caffe": ((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), True),
}
"""Mean and spread of every channel of ImageNet's photos, and whether red and blue change places, as the networks of
`keras.applications` were trained: DenseNet with the first, VGG and ResNet with the second."""


@dataclass(frozen=True)
class InputScaling:
    """Scaling layers behind the model's inputs, fitted on the training rows when the recipe is built.

    Attributes:
        kind: "standard" (mean and standard deviation), "minmax" (range to 0..1), "robust" (median and
            interquartile range), "log" (inverse hyperbolic sine, then standard: for heavy tails) or
            "per-sample" (every row by its own mean and standard deviation); or a kind of `PREPROCESSING`, whose
            numbers are fixed.
        per: "feature" for one pair of numbers per entry of the last axis, "input" for one per input.
        impute: Put the training rows' mean in the place of values that are not finite.
    """

    kind: str
    per: str = "feature"
    impute: bool = False


def scaled(architecture: Architecture, scaling: InputScaling | None, dataset: Dataset) -> Architecture:
    """Return the architecture with scaling layers behind every input that holds quantities.

    Of large data a random sample is measured, whose smallest and largest value need not be those of all rows.

    Raises:
        NotApplicable: No input does: ids for an Embedding, or a model that cannot be operated on.
    """
    if scaling is None:
        return architecture
    found = columns(architecture, dataset)
    if not found:
        raise NotApplicable("no input holds quantities that could be scaled")
    for entry, rows in found:
        layers = _fitted(scaling, rows, dataset)
        if any("ops" in layer["module"] for layer in layers):
            architecture = architecture.functional()
        for layer in reversed(layers):
            layer["config"]["name"] = architecture.unused_name(name_of(layer))
            architecture = architecture.insert_after(name_of(entry), layer)
    return architecture


_FITTED: WeakKeyDictionary[Rows, dict[tuple[int, bool, InputScaling], list[LayerConfig]]] = WeakKeyDictionary()
"""Every recipe that is built asks again, and photos of many pixels take seconds."""


def _fitted(scaling: InputScaling, rows: arrays.Array, dataset: Dataset) -> list[LayerConfig]:
    """Return the layers that scale one input, fitted once for as long as the training rows are kept."""
    known = _FITTED.setdefault(dataset.train, {})
    key = id(rows), dataset.large, scaling
    if key not in known:
        wanted = max(SAMPLE_ROWS, SAMPLE_BYTES // max(1, rows[:1].nbytes))
        known[key] = scaling_layers(scaling, rows[arrays.spread(len(rows), wanted)] if dataset.large else rows)
    return copy.deepcopy(known[key])


def scaling_layers(scaling: InputScaling, rows: arrays.Array) -> list[LayerConfig]:
    """Return the configurations of the Keras layers and operations that scale one input, in order.

    Only what Keras itself ships is used, so a saved fix loads without remedy. A column that never
    varies in training is not divided by its spread of zero.

    Args:
        scaling: What to do.
        rows: Training rows of this input, shape (n, ...).
    """
    layers: list[LayerConfig] = []
    if scaling.kind in PREPROCESSING:
        factor, offset = PREPROCESSING[scaling.kind]
        layers.append(_layer("keras.layers", "Rescaling", "preprocessing", {"scale": factor, "offset": offset}))
    elif scaling.kind in CHANNELS:
        centre, spread, turned = CHANNELS[scaling.kind]
        if turned:
            layers.append(_layer(numpy_module(), "Flip", "preprocessing_order", {"axis": -1}))
        layers.append(_normalization("preprocessing", np.array(centre), np.array(spread), True))
    elif scaling.kind == "per-sample":
        axes = list(range(1, rows.ndim))
        config: dict[str, Any] = {"axis": axes, "center": False, "scale": False, "epsilon": 1e-6}
        layers.append(_layer("keras.layers", "LayerNormalization", "input_scaling", config))
    else:
        values = np.where(np.isfinite(rows), rows, np.nan).astype("float64")
        per_feature = scaling.per == "feature" and rows.ndim > 1
        axes_out = tuple(range(rows.ndim - 1)) if per_feature else None
        kind = scaling.kind
        if kind == "log":
            centre, spread = statistics("mad", values, axes_out)
            layers.append(_normalization("input_unit", centre, spread, per_feature))
            layers.append(_layer(numpy_module(), "Arcsinh", "input_log", {}))
            values, kind = np.arcsinh((values - centre) / spread), "standard"
        layers.append(_normalization("input_scaling", *statistics(kind, values, axes_out), per_feature))
    if scaling.impute:
        # Behind the scaling 0 is the mean; ten spreads stand for infinity.
        config = {"nan": 0.0, "posinf": 10.0, "neginf": -10.0}
        layers.append(_layer(numpy_module(), "NanToNum", "input_imputed", config))
    return layers


def statistics(kind: str, values: arrays.Array, axes: tuple[int, ...] | None) -> tuple[Any, Any]:
    """Return centre and spread over ``axes`` (None for all), NaN left out; the spread is never 0.

    Raises:
        NotApplicable: The kind is not known.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column of nothing but NaN
        if kind == "standard":
            centre, spread = np.nanmean(values, axis=axes), np.nanstd(values, axis=axes)
        elif kind == "minmax":
            centre = np.nanmin(values, axis=axes)
            spread = np.nanmax(values, axis=axes) - centre
        elif kind == "robust":
            low, centre, high = np.nanpercentile(values, [25, 50, 75], axis=axes)
            spread = (high - low) / 1.349  # the interquartile range of a normal distribution of variance 1
            spread = np.where(spread > 0, spread, np.nanstd(values, axis=axes))
        elif kind == "mad":
            centre = np.nanmedian(values, axis=axes)
            distance = np.abs(values - centre)
            spread = np.nanmedian(distance, axis=axes)
            spread = np.where(spread > 0, spread, np.nanmean(distance, axis=axes))
        else:
            raise NotApplicable(f"scaling of kind {kind!r} is not known")
    centre, spread = np.nan_to_num(np.asarray(centre)), np.nan_to_num(np.asarray(spread))
    varies = spread > 1e-7 * np.abs(centre)
    typical = float(np.median(spread[varies])) if np.any(varies) else 1.0
    return centre, np.where(varies, spread, typical)


def _normalization(name: str, centre: Any, spread: Any, per_feature: bool) -> LayerConfig:
    config = {
        "axis": -1 if per_feature else None,
        "mean": centre.tolist() if per_feature else float(centre),
        "variance": (spread**2).tolist() if per_feature else float(spread**2),
    }
    return _layer("keras.layers", "Normalization", name, config)


def _layer(module: str, kind: str, name: str, config: dict[str, Any]) -> LayerConfig:
    return {"module": module, "class_name": kind, "config": {"name": name, **config}}


def columns(architecture: Architecture, dataset: Dataset) -> list[tuple[LayerConfig, arrays.Array]]:
    """Pair the InputLayers that hold quantities with their training rows, in Keras' order."""
    entries = architecture.inputs()
    if isinstance(dataset.train.X, Mapping):
        pairs = [(e, dataset.train.X[name_of(e)]) for e in entries if name_of(e) in dataset.train.X]
    else:
        pairs = list(zip(entries, arrays.leaves(dataset.train.X), strict=False))
    numbers = [(entry, rows) for entry, rows in pairs if rows.dtype.kind in "biuf"]
    return [(entry, rows) for entry, rows in numbers if not _holds_ids(architecture, name_of(entry), rows)]


def _holds_ids(architecture: Architecture, name: str, rows: arrays.Array) -> bool:
    """Say whether an input holds ids: for a layer of the user's own, whole numbers may be."""
    if takes_ids(architecture, name):
        return True
    some = rows[:1000]
    return read_by_own_layer(architecture, name) and bool(np.all(some == np.round(some)) and np.min(some) >= 0)
