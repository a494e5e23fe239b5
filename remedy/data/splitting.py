"""How rows are split: classes keep their shares, and what belongs together stays together."""

from __future__ import annotations

from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array
from remedy.data.kinship import Kinship
from remedy.data.rows import Rows
from remedy.data.scores import CLASSIFICATION, Task, class_ids
from remedy.errors import InvalidInput

LEAST_ROWS = 10
"""Fewer are not split."""

RARE = 20
"""Rows of a class that a sample keeps, where there are so many."""


def sample(rows: Rows, most: int, room: float, seed: int, task: Task) -> Array:
    """Return the places of random rows, in rising order: classes keep their shares, but rare ones keep `RARE` rows.

    Args:
        rows: Rows to draw from.
        most: Rows at most.
        room: Bytes of the inputs at most.
        seed: Of the draw.
        task: What the labels ask for.
    """
    n = len(rows)
    wanted = min(n, most, max(LEAST_ROWS, int(room * n / max(1, arrays.nbytes(rows.X)))))
    if wanted == n:
        return np.arange(n)
    ids = _strata(rows, task)
    order, counts = np.argsort(ids, kind="stable"), np.unique(ids, return_counts=True)[1]
    least = max(1, min(RARE, wanted // (2 * len(counts))))
    drawn = [
        part[arrays.spread(len(part), max(least, round(len(part) * wanted / n)), seed)]
        for part in np.split(order, np.cumsum(counts)[:-1])
    ]
    return np.sort(np.concatenate(drawn))


def split(rows: Rows, share: float, seed: int, task: Task) -> tuple[Rows, Rows]:
    """Split rows in two: classes keep their shares where every class has rows enough, groups stay together.

    Returns:
        The larger part, and the part of about ``share`` of the rows.

    Raises:
        InvalidInput: Too few rows or groups to split.
    """
    first, second = indices(rows, share, seed, task)
    return rows.take(first), rows.take(second)


def indices(rows: Rows, share: float, seed: int, task: Task, kin: Kinship | None = None) -> tuple[Array, Array]:
    """Return the places of both parts of a split, in rising order.

    Rows of a group, and kin, share a side. Where rows have an order, or overlap along one line of time, the second part
    is the last in time, and what overlaps it is in neither.

    Args:
        rows: Rows to split.
        share: Of the second part.
        seed: Of the draw.
        task: What the labels ask for.
        kin: Which rows belong together, or None.

    Raises:
        InvalidInput: Too few rows or groups to split.
    """
    first, second = _parts(rows, share, seed, task, kin)
    return np.sort(first), np.sort(second)


def in_time(rows: Rows, kin: Kinship | None) -> Array | None:
    """Return when every row was, where only a split along time is honest; else None. Groups come before time."""
    if rows.order is not None or kin is None:
        return rows.order
    return None if rows.groups is not None else kin.positions


def _parts(rows: Rows, share: float, seed: int, task: Task, kin: Kinship | None) -> tuple[Array, Array]:
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    n = len(rows)
    if n < LEAST_ROWS:
        raise InvalidInput(f"{n} rows are too few to set some aside for validation; give validation_data=.")
    if (when := in_time(rows, kin)) is not None:
        return _earlier_and_later(when, kin, share)
    ids = _strata(rows, task)
    groups = rows.groups if kin is None else kin.with_groups(rows.groups)
    if groups is not None and (kin is None or rows.groups is not None):
        folds = max(2, round(1 / share))
        if len(np.unique(groups)) < folds:
            raise InvalidInput(
                f"groups= names {len(np.unique(groups))} groups; at least {folds} are needed "
                f"to keep them apart. Give validation_data=, or groups that are smaller."
            )
        parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(np.zeros(n), ids, groups)
        first, second = next(iter(parts))
        return first, second
    apart = np.arange(n) if groups is None else groups
    found, one, kind = np.unique(apart, return_index=True, return_inverse=True)
    if len(found) < 2 / share:
        raise InvalidInput(f"Only {len(found)} of {n} rows are no copies of others: too few to split.")
    labels = ids[one]
    stratify = labels if np.unique(labels, return_counts=True)[1].min() >= 2 else None
    stratify = stratify if len(np.unique(labels)) <= len(found) * share else None
    first, second = train_test_split(np.arange(len(found)), test_size=share, random_state=seed, stratify=stratify)
    if groups is None:
        return first, second
    return np.flatnonzero(np.isin(kind, first)), np.flatnonzero(np.isin(kind, second))


def _earlier_and_later(when: Array, kin: Kinship | None, share: float) -> tuple[Array, Array]:
    """Return the rows of the past, and the last ``share`` of every series; what overlaps these is left out.

    Raises:
        InvalidInput: Hardly anything would be left of the past.
    """
    series: Array = np.zeros(len(when), dtype="int64")
    if kin is not None and kin.series is not None and when is kin.positions:
        series = kin.series
    before, later = np.zeros(len(when), dtype=bool), np.zeros(len(when), dtype=bool)
    for one in np.unique(series):
        mine = series == one
        begins = _cut(when[mine], share)
        later |= mine & (when >= begins)
        before |= mine & (when < begins)
    if kin is not None and kin.positions is not None:
        place = kin.positions
        for one in np.unique(series):
            held = later & (series == one)
            if held.any():
                near = (place + kin.span > place[held].min()) & (place < place[held].max() + kin.span)
                before &= ~near
    if kin is not None and kin.positions is None:
        before &= ~np.isin(kin.groups, kin.groups[later])  # Copies of what comes later.
    if before.sum() < LEAST_ROWS / 2 or not later.any():
        raise InvalidInput(f"Split along time, {int(before.sum())} of {len(when)} rows are left to train on: too few.")
    return np.flatnonzero(before), np.flatnonzero(later)


def _cut(when: Array, share: float) -> Any:
    """Return the time from which on about this share of the rows lie; some lie before it, where times differ at all."""
    times, counts = np.unique(when, return_counts=True)
    if len(times) < 2:
        return times[0] + 1 if np.issubdtype(times.dtype, np.number) else times[0]
    behind = counts[::-1].cumsum()[::-1][1:] / len(when)
    return times[1:][np.argmin(np.abs(behind - share))]


def _strata(rows: Rows, task: Task) -> Array:
    """Return the class of every row, shape (n,); zeros where rows have none."""
    n = len(rows)
    ids = class_ids(rows.target) if task in CLASSIFICATION and len(rows.target) == n else np.zeros(0, dtype="int64")
    return ids if len(ids) == n else np.zeros(n, dtype="int64")
