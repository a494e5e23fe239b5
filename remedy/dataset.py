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

SEARCH_ROWS, SEARCH_SHARE = 100_000, 1 / 8
"""Of large data a search works on at most so many training rows, and at most this share of the bytes; of the
user's validation rows on a quarter of that."""

RARE = 20
"""Rows of a class that a sample keeps, where there are so many."""


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

    def take(self, index: Array | slice) -> Rows:
        """Return the rows ``index``, in that order; a slice makes views and no copies."""
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
        sampled: True where the rows are a sample of large data, drawn for a search; a fix is trained on all rows.
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
    sampled: bool = False

    @property
    def large(self) -> bool:
        """Whether the data is, or was drawn from, more than `arrays.LARGE_BYTES`: it must not be copied."""
        sides = [part for part in (self.train, self.validation) if part is not None]
        return self.sampled or arrays.is_large(*[nest for part in sides for nest in (part.X, part.y)])

    @cached_property
    def digest(self) -> str:
        """Digest of all rows, by `arrays.digest`; the same for every run on the same data and split."""
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

    @property
    def nothing_aside(self) -> bool:
        """Whether a fix is confirmed on rows that are also trained on or chosen by: too few to set any aside."""
        return self.judged_on_training or (self.holdout is not None and self.holdout is self.validation)

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
        rows, room = self.train, arrays.nbytes(self.train.X)
        return replace(self, train=sample(rows, round(share * len(rows)), room, seed, self.task))

    def for_search(self, seed: int, share: float = 0.2, resplit: bool = False) -> Dataset:
        """Set rows aside that no trial trains on or is chosen by, and make sure there are rows to choose by.

        A ``share`` of the training rows becomes the holdout, and as much again the validation rows
        where the user gave none. Classes keep their shares, groups stay on one side. Of large data
        all of them come from a random sample of `SEARCH_ROWS` rows, in which classes keep their shares.

        Args:
            seed: Of the split.
            share: Share of the rows that are set aside.
            resplit: The user's validation rows are no fair sample (they were sorted): both sets are
                drawn from all rows. Recipes train on what is left of the user's training side; one
                with a new split on the rest (``extra``), too. Groups forbid it: they stay where they are.
        """
        if self.large and not self.sampled:
            return self._sample(seed).for_search(seed, share, resplit)
        if len(self.train) < LEAST_ROWS:
            held = self.train if self.validation is None else self.validation
            return replace(self, validation=held, holdout=held, judged_on_training=self.validation is None)
        if resplit and self.validation is not None and self.groups is None:
            plain = self.train.with_rows(self.validation)
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

    def _sample(self, seed: int) -> Dataset:
        """Return a dataset of few rows of either side."""
        held, room = self.validation, SEARCH_SHARE * arrays.nbytes(self.train.X)
        train = sample(self.train, SEARCH_ROWS, room, seed, self.task)
        held = None if held is None else sample(held, SEARCH_ROWS // 4, room / 4, seed, self.task)
        return replace(self, train=train, validation=held, sampled=True)


def sample(rows: Rows, most: int, room: float, seed: int, task: Task) -> Rows:
    """Return random rows in their order: classes keep their shares, but rare ones keep `RARE` rows.

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
        return rows
    ids = _strata(rows, task)
    order, counts = np.argsort(ids, kind="stable"), np.unique(ids, return_counts=True)[1]
    least = max(1, min(RARE, wanted // (2 * len(counts))))
    drawn = [
        part[arrays.spread(len(part), max(least, round(len(part) * wanted / n)), seed)]
        for part in np.split(order, np.cumsum(counts)[:-1])
    ]
    return rows.take(np.sort(np.concatenate(drawn)))


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
    ids = _strata(rows, task)
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


def _strata(rows: Rows, task: Task) -> Array:
    """Return the class of every row, shape (n,); zeros where rows have none."""
    n = len(rows)
    ids = class_ids(rows.target) if task in CLASSIFICATION and len(rows.target) == n else np.zeros(0, dtype="int64")
    return ids if len(ids) == n else np.zeros(n, dtype="int64")


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
            finite = np.isfinite(array[start : start + CHUNK])
            bad = bad if finite.all() else bad + (~finite).sum(0)
        if not np.any(bad):
            continue
        where = f"{int(np.sum(bad))} values"
        if np.ndim(bad) == 1:
            columns = np.flatnonzero(bad)
            shown = ", ".join(f"{c} ({bad[c]})" for c in columns[:5])
            where += f" in {len(columns)} of {len(bad)} columns: {shown}{', ...' if len(columns) > 5 else ''}"
        said.append(f"{name or 'X'}: {where}")
    return "; ".join(said) or None
