"""Rows: examples with what belongs to each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest


@dataclass(frozen=True, eq=False)
class Rows:
    """Examples: X of shape (n, ...) or a nest of such arrays, y of shape (n,) or (n, ...), the others (n,).

    Attributes:
        X, y, sample_weight: As ``Model.fit`` takes them.
        groups: Rows of a group stay on one side of every split.
        order: When every row was: a split then parts the earlier from the later ones.
    """

    X: Nest
    y: Nest
    sample_weight: Array | None = None
    groups: Array | None = None
    order: Array | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return arrays.length(self.X)

    def take(self, index: Array | slice) -> Rows:
        """Return the rows ``index``, in that order; a slice makes views and no copies."""
        pick = [None if part is None else part[index] for part in (self.sample_weight, self.groups, self.order)]
        return Rows(arrays.take(self.X, index), arrays.take(self.y, index), *pick)

    def with_rows(self, more: Rows) -> Rows:
        """Return these rows with ``more`` behind them; groups and times that one side lacks go, weights are 1."""
        weights = [part.sample_weight for part in (self, more)]
        known = [(self.groups, more.groups), (self.order, more.order)]
        if any(w is not None for w in weights):
            weights = [np.ones(len(p)) if w is None else w for p, w in zip((self, more), weights, strict=True)]
        return Rows(
            arrays.concatenate(self.X, more.X),
            arrays.concatenate(self.y, more.y),
            None if weights[0] is None or weights[1] is None else np.concatenate([weights[0], weights[1]]),
            *(None if a is None or b is None else np.concatenate([a, b]) for a, b in known),
        )

    @property
    def target(self) -> Array:
        """The first (or only) target array."""
        return arrays.leaves(self.y)[0]
