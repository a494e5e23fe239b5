"""Dataset: the rows on either side of the split, the task, and the facts that diagnosis needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from remedy import arrays
from remedy.arrays import Array, Nest
from remedy.data_facts import input_facts
from remedy.errors import InvalidInput
from remedy.measured import InputFacts
from remedy.scores import CLASSIFICATION, Task, class_ids

LEAST_ROWS = 10
"""Fewer are not split."""

CHUNK = 4096
"""Rows that are looked at together, so that a memory-mapped array is never copied as a whole."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Examples: X of shape (n, ...) or a nest of such arrays, y of shape (n,) or (n, ...), weights and groups (n,)."""

    X: Nest
    y: Nest
    sample_weight: Array | None = None
    groups: Array | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return arrays.length(self.X)

    @cached_property
    def input_facts(self) -> tuple[InputFacts, ...]:
        """What can be measured of every input array."""
        return input_facts(self.X)

    def take(self, index: Array) -> Rows:
        """Return the rows ``index``, in that order."""
        pick = [None if part is None else part[index] for part in (self.sample_weight, self.groups)]
        return Rows(arrays.take(self.X, index), arrays.take(self.y, index), *pick)

    def with_rows(self, more: Rows) -> Rows:
        """Return these rows with ``more`` behind them; weights and groups that one side lacks are dropped."""
        weights = [part.sample_weight for part in (self, more)]
        groups = [part.groups for part in (self, more)]
        if any(w is not None for w in weights):
            weights = [np.ones(len(p)) if w is None else w for p, w in zip((self, more), weights, strict=True)]
        return Rows(
            arrays.concatenate(self.X, more.X),
            arrays.concatenate(self.y, more.y),
            None if weights[0] is None or weights[1] is None else np.concatenate([weights[0], weights[1]]),
            None if groups[0] is None or groups[1] is None else np.concatenate([groups[0], groups[1]]),
        )

    @property
    def target(self) -> Array:
        """The first (or only) target array."""
        return arrays.leaves(self.y)[0]


@dataclass(frozen=True, eq=False)
class Dataset:
    """What a run is trained and judged on.

    Attributes:
        train: Rows that weights are fitted on.
        validation: Rows that a search chooses by; never resampled, never fitted on. None if the
            user gave none.
        task: What the labels ask for.
        holdout: Rows used neither for fitting nor for choosing: what a fix is confirmed on.
        extra: Rows of the user's validation side that a recipe with a new split may train on.
        complete: False where ``train`` is only a sample of what Keras trains on (a large or endless stream).
        judged_on_training: True where the rows are so few that none could be set aside: a search then chooses and
            confirms by the rows that it trains on, and says so.
        total_rows: Training rows of an epoch where ``train`` is a sample and their number is known.
        validation_tail: True where the validation rows are the last rows, as Keras' ``validation_split`` takes them.
    """

    train: Rows
    validation: Rows | None
    task: Task
    holdout: Rows | None = None
    validation_tail: bool = False
    extra: Rows | None = None
    complete: bool = True
    judged_on_training: bool = False
    total_rows: int | None = None

    @cached_property
    def digest(self) -> str:
        """Digest of all rows; the same for every run on the same data and split."""
        parts = [part for part in (self.train, self.validation) if part is not None]
        return arrays.digest(*[nest for part in parts for nest in (part.X, part.y, part.sample_weight)])

    @cached_property
    def class_counts(self) -> Mapping[int, int] | None:
        """Training rows per class (keys as `class_weight` of Keras wants them); None unless classification."""
        return self.counts(self.train)

    def counts(self, rows: Rows) -> Mapping[int, int] | None:
        """Count rows (or, for sequences, steps) per class; None unless this is a classification with one target."""
        if self.task not in CLASSIFICATION or len(arrays.leaves(rows.y)) != 1:
            return None
        ids, counts = np.unique(class_ids(rows.target), return_counts=True)
        found = {int(i): int(n) for i, n in zip(ids, counts, strict=True)}
        y = rows.target
        if y.ndim > 1 and y.shape[-1] > 1 and set(np.unique(y[:1000])) <= {0, 1} and np.all(y[:1000].sum(-1) == 1):
            return {k: found.get(k, 0) for k in range(y.shape[-1])}
        return found

    @property
    def groups(self) -> Array | None:
        """Group of every training row, or None."""
        return self.train.groups

    def resplit(self, seed: int) -> Dataset:
        """Put training and validation rows together and split them anew, classes kept in shares."""
        if self.validation is None:
            return self
        share = min(0.4, len(self.validation) / (len(self.train) + len(self.validation)))
        train, validation = split(self.train.with_rows(self.validation), share, seed, self.task)
        return replace(self, train=train, validation=validation, validation_tail=False)

    def part(self, share: float, seed: int = 0) -> Dataset:
        """Return the dataset with a share of its training rows, classes kept in shares."""
        if share >= 1 or round(share * len(self.train)) < LEAST_ROWS:
            return self
        chosen = _indices(replace(self.train, groups=None), share, seed, self.task)[1]
        return replace(self, train=self.train.take(np.sort(chosen)))

    def for_search(self, seed: int, share: float = 0.2, resplit: bool = False) -> Dataset:
        """Set rows aside that no trial trains on or is chosen by, and make sure there are rows to choose by.

        A ``share`` of the training rows becomes the holdout, and as much again the validation rows
        where the user gave none. Classes keep their shares, groups stay on one side.

        Args:
            seed: Of the split.
            share: Share of the rows that are set aside.
            resplit: The user's validation rows are no fair sample (they were sorted): both sets are
                drawn from all rows. Recipes train on what is left of the user's training side; one
                with a new split on the rest (``extra``), too.
        """
        if len(self.train) < LEAST_ROWS:
            held = self.train if self.validation is None else self.validation
            return replace(self, validation=held, holdout=held, judged_on_training=self.validation is None)
        if resplit and self.validation is not None:
            plain = replace(self.train.with_rows(self.validation), groups=None)
            rest, aside = (np.sort(part) for part in _indices(plain, share, seed, self.task))
            inner, chosen = _indices(plain.take(rest), share / (1 - share), seed + 1, self.task)
            left = np.sort(rest[inner])
            own = left < len(self.train)
            return replace(
                self,
                train=plain.take(left[own]),
                extra=plain.take(left[~own]),
                validation=plain.take(np.sort(rest[chosen])),
                holdout=plain.take(aside),
                validation_tail=False,
            )
        train, held = split(self.train, share, seed, self.task)
        if self.validation is not None:
            return replace(self, train=train, holdout=held)
        train, validation = split(train, share / (1 - share), seed + 1, self.task)
        return replace(self, train=train, validation=validation, holdout=held)


def split(rows: Rows, share: float, seed: int, task: Task) -> tuple[Rows, Rows]:
    """Split rows in two: classes keep their shares where every class has rows enough, groups stay together.

    Returns:
        The larger part, and the part of about ``share`` of the rows.

    Raises:
        InvalidInput: Too few rows or groups to split.
    """
    first, second = _indices(rows, share, seed, task)
    return rows.take(np.sort(first)), rows.take(np.sort(second))


def _indices(rows: Rows, share: float, seed: int, task: Task) -> tuple[Array, Array]:
    from sklearn.model_selection import StratifiedGroupKFold, train_test_split

    n = len(rows)
    if n < LEAST_ROWS:
        raise InvalidInput(f"{n} rows are too few to set some aside for validation; give validation_data=.")
    ids = class_ids(rows.target) if task in CLASSIFICATION and len(rows.target) == n else np.zeros(n, dtype="int64")
    ids = ids if len(ids) == n else np.zeros(n, dtype="int64")
    if rows.groups is not None:
        folds = max(2, round(1 / share))
        if len(np.unique(rows.groups)) < folds:
            raise InvalidInput(
                f"groups= names {len(np.unique(rows.groups))} groups; at least {folds} are needed "
                f"to keep them apart. Give validation_data=, or groups that are smaller."
            )
        parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(np.zeros(n), ids, rows.groups)
        first, second = next(iter(parts))
    else:
        stratify = (
            ids if np.unique(ids, return_counts=True)[1].min() >= 2 and len(np.unique(ids)) <= n * share else None
        )
        first, second = train_test_split(np.arange(n), test_size=share, random_state=seed, stratify=stratify)
    return first, second


def infer_task(y: Nest, loss_name: str | None, output_units: int | None) -> Task:
    """Say what the labels ask for; the labels' own shape and values come before the loss' name.

    Args:
        y: Target array of shape (n,), (n, 1), (n, k) or (n, t, k); the first of a nest is used.
        loss_name: Name of the compiled loss, or None.
        output_units: Size of the model's last axis, or None where unknown.
    """
    y = np.asarray(arrays.leaves(y)[0][:20_000])
    name = loss_name or ""
    whole = bool(np.issubdtype(y.dtype, np.integer) or y.dtype == bool or np.all(np.isfinite(y) & (y == np.round(y))))
    if y.ndim > 1 and y.shape[-1] > 1 and not ("sparse" in name and whole):
        if not (whole and set(np.unique(y)) <= {0, 1}):
            return "regression"
        if bool(np.all(y.sum(-1) == 1)) and "sparse" not in name:
            return "binary" if y.shape[-1] == 2 else "multiclass"
        return "multilabel"
    values = np.unique(y)
    if not whole:
        # Fractions under a loss that takes class ids are labels that were scaled by mistake.
        return "multiclass" if "sparse" in name and 2 <= len(values) <= (output_units or 0) else "regression"
    if "sparse" in name or (output_units or 1) > 1:
        return "binary" if len(values) <= 2 and (output_units or 2) <= 2 else "multiclass"
    if len(values) <= 2:
        return "binary" if "crossentropy" in name or "hinge" in name or set(values) <= {-1, 0, 1} else "regression"
    return "multiclass" if "crossentropy" in name else "regression"


def nonfinite_report(X: Nest) -> str | None:
    """Say which arrays and columns hold NaN or infinite values, or None; reads in chunks."""
    said = []
    for name, array in arrays.named_leaves(X):
        if not np.issubdtype(array.dtype, np.floating):
            continue
        bad: Any = np.zeros(array.shape[1:], dtype="int64")
        for start in range(0, len(array), CHUNK):
            bad = bad + (~np.isfinite(array[start : start + CHUNK])).sum(0)
        if not np.any(bad):
            continue
        where = f"{int(np.sum(bad))} values"
        if np.ndim(bad) == 1:
            columns = np.flatnonzero(bad)
            shown = ", ".join(f"{c} ({bad[c]})" for c in columns[:5])
            where += f" in {len(columns)} of {len(bad)} columns: {shown}{', ...' if len(columns) > 5 else ''}"
        said.append(f"{name or 'X'}: {where}")
    return "; ".join(said) or None
