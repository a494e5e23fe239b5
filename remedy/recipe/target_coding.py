"""How the target is coded for training, and how answers come back in the user's own units and labels.

A regression target is trained on at zero mean and unit spread; a layer behind the model turns its
answers back. Class labels become ids, or zeros and ones, whatever the loss expects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.rows import Rows


@dataclass(frozen=True)
class TargetCoding:
    """A coding of the target, fitted on the training rows.

    Attributes:
        kind: "standard" (mean 0, spread 1, a column at a time), "ids" (0, 1, 2 ...) or "binary"
            (0.0 and 1.0).
        values: The user's labels in the order of the classes; empty for "standard".
        mean, spread: Of every target column; empty for classes.
        outputs: Of a model of several outputs: name, place and coding of each that is coded; the kind is "outputs".
    """

    kind: str
    values: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()
    outputs: tuple[tuple[str, int, TargetCoding], ...] = ()

    @property
    def raw(self) -> bool:
        """Whether a delivered model turns its answers back into the user's own units."""
        return self.kind in ("standard", "outputs")

    def encode(self, y: Array) -> Array:
        """Return the coded target.

        Args:
            y: The user's target, shape (n,), (n, 1), (n, k), (n, t) or (n, t, k).
        """
        if self.kind == "standard":
            scaled = (np.asarray(y, dtype="float64") - self._shaped(self.mean)) / self._shaped(self.spread)
            return np.asarray(scaled, dtype="float32")
        ids = class_index(y, self.values)
        return ids[..., None].astype("float32") if self.kind == "binary" else ids.astype("int32")

    def decode(self, value: float) -> float:
        """Return the user's own label of a class id, or a value of the first target column in its own unit."""
        if self.kind == "standard":
            return value * self.spread[0] + self.mean[0]
        return self.values[int(value)] if 0 <= value < len(self.values) else value

    def rows(self, rows: Rows) -> Rows:
        """Return the same rows with a coded target."""
        if self.outputs:
            coded = self.of_outputs(rows.y, lambda coding, y: coding.encode(y))
        else:
            coded = arrays.tree_map(self.encode, rows.y)
        return Rows(rows.X, coded, rows.sample_weight, rows.groups, rows.order)

    def of_outputs(self, nest: Any, change: Callable[[TargetCoding, Any], Any]) -> Any:
        """Return a dict or list of outputs with those changed that are coded."""
        found = dict(nest) if isinstance(nest, Mapping) else list(nest)
        for name, place, coding in self.outputs:
            at: Any = name if isinstance(nest, Mapping) else place
            found[at] = change(coding, found[at])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON holds them."""
        return {**vars(self), "outputs": [(name, place, coding.to_dict()) for name, place, coding in self.outputs]}

    @staticmethod
    def _shaped(numbers: tuple[float, ...]) -> Any:
        return numbers[0] if len(numbers) == 1 else np.asarray(numbers)


NEAR_ZERO, NEAR_ONE = 0.2, (0.5, 2.0)
"""A mean and a spread that need no scaling."""


def fit_standard(y: Array) -> TargetCoding:
    """Return the coding of a regression target, fitted on training rows of shape (n,) or (n, k)."""
    table = np.asarray(y, dtype="float64").reshape(-1, y.shape[-1] if y.ndim > 1 else 1)
    table = table[np.isfinite(table).all(axis=1)]
    spread = table.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return TargetCoding("standard", (), tuple(map(float, table.mean(axis=0))), tuple(map(float, spread)))


def label_values(y: Array) -> tuple[float, ...]:
    """Return the labels of a target in the order of the classes: columns of one-hot rows, else sorted values."""
    if _one_hot(y):
        return tuple(float(i) for i in range(y.shape[-1]))
    values = np.unique(np.asarray(y, dtype="float64"))
    values = values[np.isfinite(values)]
    if len(values) and np.all(values == np.round(values)) and values.min() in (0, 1) and len(values) > 2:
        # Whole numbers that count from 0 may lack a class in these rows; its unit must stay.
        values = np.arange(values.min(), values.max() + 1)
    return tuple(float(v) for v in values)


def class_index(y: Array, values: tuple[float, ...]) -> Array:
    """Return the index of every label among ``values``; the last axis of one-hot rows goes."""
    y = np.asarray(y)
    if _one_hot(y) and len(values) == y.shape[-1]:
        return y.argmax(-1)
    flat = y[..., 0] if y.ndim > 1 and y.shape[-1] == 1 else y
    known = np.asarray(values)
    nearest = np.clip(np.searchsorted(known, flat), 0, len(known) - 1)
    before = np.clip(nearest - 1, 0, len(known) - 1)
    index: Array = np.where(np.abs(known[before] - flat) < np.abs(known[nearest] - flat), before, nearest)
    return index


def _one_hot(y: Array) -> bool:
    if y.ndim < 2 or y.shape[-1] < 2:
        return False
    sample = np.asarray(y[:2000])
    return bool(set(np.unique(sample)) <= {0, 1} and np.all(sample.sum(-1) == 1))


def coding_from_dict(data: Mapping[str, Any] | None) -> TargetCoding | None:
    """Rebuild a coding from its fields as JSON holds them."""
    if data is None:
        return None
    inner = [(name, place, coding_from_dict(part)) for name, place, part in data.get("outputs", ())]
    known = tuple((name, place, part) for name, place, part in inner if part is not None)
    values, mean, spread = (tuple(data[name]) for name in ("values", "mean", "spread"))
    return TargetCoding(data["kind"], values, mean, spread, known)
