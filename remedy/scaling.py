"""Scaling of inputs as a layer inside the model, fitted on the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from remedy import arrays
from remedy.architecture import Architecture, LayerConfig
from remedy.dataset import Dataset
from remedy.errors import NotApplicable


@dataclass(frozen=True)
class InputScaling:
    """Scaling layers behind the model's inputs, fitted on the training rows when the recipe is built.

    Attributes:
        kind: "standard" (mean and standard deviation), "minmax" (range to 0..1), "robust" (median and
            interquartile range) or "per-sample" (every row by its own mean and standard deviation).
        per: "feature" for one pair of numbers per entry of the last axis, "input" for one per input.
    """

    kind: str
    per: str = "feature"


def scaled(architecture: Architecture, scaling: InputScaling | None, dataset: Dataset) -> Architecture:
    """Return the architecture with a scaling layer behind every input that holds quantities.

    Raises:
        NotApplicable: No input does: ids for an Embedding, or a model that cannot be operated on.
    """
    if scaling is None:
        return architecture
    columns = _columns(architecture, dataset)
    if not columns:
        raise NotApplicable("no input holds quantities that could be scaled")
    for entry, rows in columns:
        layer = scaling_layer(scaling, rows, architecture.unused_name("input_scaling"))
        architecture = architecture.insert_after(entry["config"]["name"], layer)
    return architecture


def scaling_layer(scaling: InputScaling, rows: arrays.Array, name: str) -> LayerConfig:
    """Return the configuration of the Keras layer that scales one input.

    Only layers that Keras itself ships are used, so a saved fix loads without remedy. A column
    that (nearly) never varies in training keeps its scale: dividing by its spread would blow up
    the first odd value after training.

    Args:
        scaling: What to do.
        rows: Training rows of this input, shape (n, ...).
        name: Name of the new layer.
    """
    if scaling.kind == "per-sample":
        axes = list(range(1, rows.ndim))
        config: dict[str, Any] = {"name": name, "axis": axes, "center": False, "scale": False, "epsilon": 1e-6}
        return {"module": "keras.layers", "class_name": "LayerNormalization", "config": config}
    per_feature = scaling.per == "feature" and rows.ndim > 1
    axes_out = tuple(range(rows.ndim - 1)) if per_feature else None
    values = np.asarray(rows, dtype="float64")
    values = np.where(np.isfinite(values), values, np.nan)
    if scaling.kind == "standard":
        centre, spread = np.nanmean(values, axis=axes_out), np.nanstd(values, axis=axes_out)
    elif scaling.kind == "minmax":
        centre = np.nanmin(values, axis=axes_out)
        spread = np.nanmax(values, axis=axes_out) - centre
    elif scaling.kind == "robust":
        low, centre, high = np.nanpercentile(values, [25, 50, 75], axis=axes_out)
        spread = (high - low) / 1.349  # the interquartile range of a normal distribution of variance 1
    else:
        raise NotApplicable(f"scaling of kind {scaling.kind!r} is not known")
    spread, centre = np.atleast_1d(spread), np.nan_to_num(np.atleast_1d(centre))
    typical = float(np.median(spread[spread > 0])) if np.any(spread > 0) else 1.0
    spread = np.where(spread > 1e-3 * typical, spread, typical)
    config = {
        "name": name,
        "axis": -1 if per_feature else None,
        "mean": centre.tolist() if per_feature else float(centre[0]),
        "variance": (spread**2).tolist() if per_feature else float(spread[0] ** 2),
    }
    return {"module": "keras.layers", "class_name": "Normalization", "config": config}


def _columns(architecture: Architecture, dataset: Dataset) -> list[tuple[LayerConfig, arrays.Array]]:
    """Pair the InputLayers that hold quantities with their training rows, in Keras' order."""
    entries = architecture.inputs()
    if isinstance(dataset.train.X, Mapping):
        pairs = [(e, dataset.train.X[e["config"]["name"]]) for e in entries if e["config"]["name"] in dataset.train.X]
    else:
        pairs = list(zip(entries, arrays.leaves(dataset.train.X), strict=False))
    return [
        (entry, rows)
        for entry, rows in pairs
        if not any(reader["class_name"] == "Embedding" for reader in architecture.consumers(entry["config"]["name"]))
    ]
