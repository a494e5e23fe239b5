"""The answer of a forecast that knows nothing: the last value that it was given.

A constant is no yardstick for a series: whoever answers "as it was" is often right (Hyndman and Athanasopoulos,
"Forecasting: Principles and Practice", 3rd edition, 2021, section 5.2, the naive method).
"""

from __future__ import annotations

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.rows import Rows
from remedy.data.scores import Task, constant_score, r2


def constant_answer(rows: Rows, task: Task) -> float:
    """Return what the best answer scores that learns nothing: a constant, or in a series the last value of the input.

    Args:
        rows: Rows that are judged; with an order in time the last value counts, too.
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
    """Return every answer "as it was": a column of the last step of an input, as often as the target has columns."""
    columns = int(np.prod(np.shape(rows.target)[1:])) or 1
    found = []
    for part in arrays.leaves(rows.X):
        if part.dtype.kind not in "biuf":
            continue
        flat = np.asarray(part, dtype="float64")
        last = flat.reshape(len(flat), -1) if flat.ndim < 3 else flat[:, -1].reshape(len(flat), -1)
        found += [np.repeat(last[:, i : i + 1], columns, axis=1) for i in range(min(last.shape[1], 64))]
    return found
