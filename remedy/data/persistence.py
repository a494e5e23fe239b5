"""The answer of a forecast that knows nothing: the last value that it was given, or the one of a season before.

A constant is no yardstick for a series: whoever answers "as it was" is often right, and of a series with a season who
answers "as it was at this hour yesterday" (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd
edition, 2021, section 5.2, the naive and the seasonal naive method).
"""

from __future__ import annotations

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.rows import Rows
from remedy.data.scores import Task, constant_score, r2

MOST_ANSWERS = 64
"""Values of an input that are looked at as answers, the latest first."""


def constant_answer(rows: Rows, task: Task) -> float:
    """Return what the best answer scores that learns nothing: a constant, or in a series a value of the input.

    Args:
        rows: Rows that are judged; with an order in time every step of a window counts, the last one and that of
            a season before.
        task: What the labels ask for.

    Example:
        >>> X = np.arange(50.0).reshape(-1, 1, 1)
        >>> constant_answer(Rows(X, X[:, 0, 0] + 1, order=np.arange(50)), "regression") > 0.99
        True
    """
    constant = constant_score(task, rows.target)
    if task != "regression" or rows.order is None:
        return constant
    return max([constant, *(r2(rows.target, value) for value in _last_values(rows))])


def _last_values(rows: Rows) -> list[Array]:
    """Return every answer "as it was": a column of a step of an input, as often as the target has columns."""
    columns = int(np.prod(np.shape(rows.target)[1:])) or 1
    found = []
    for part in arrays.leaves(rows.X):
        if part.dtype.kind not in "biuf":
            continue
        flat = np.asarray(part, dtype="float64")
        # The last step first: of long windows the steps further back are left out.
        steps = (flat[:, ::-1] if flat.ndim > 1 else flat).reshape(len(flat), -1)
        found += [np.repeat(steps[:, i : i + 1], columns, axis=1) for i in range(min(steps.shape[1], MOST_ANSWERS))]
    return found
