"""Dataset: the rows on either side of the split, the task, and the facts that diagnosis needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest
from remedy.data.heads import Head, mean_way, ways
from remedy.data.kinship import Kinship, kinship
from remedy.data.rows import Rows
from remedy.data.scores import CLASSIFICATION, Objective, Scorer, Task, class_ids, score_name, scorer_for
from remedy.data.splitting import LEAST_ROWS, in_time, indices, sample, split
from remedy.errors import InvalidInput

CHUNK = 4096
"""Rows that are looked at together, so that a memory-mapped array is never copied as a whole."""

SEARCH_ROWS, SEARCH_SHARE = 100_000, 1 / 8
"""Of large data a search works on at most so many training rows, and at most this share of the bytes; of the
user's validation rows on a quarter of that."""


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
        kin: What was found of rows that belong together (copies, overlapping windows), or None.
        apart: False where rows that belong together could not be kept on one side: nothing is called confirmed then.
        places: Of a sample: where its training rows stand among the user's own. In a search: where the rows stand that
            were set aside of them.
        units: An id a row of the holdout, shape (n,): rows with the same id stand for one thing (a group, copies,
            windows that overlap). None where every row stands for itself.
        heads: The outputs of a model of several, in Keras' order; empty for others.
        left_out: Places of training rows that no training uses: large arrays are not copied to leave them out.
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
    kin: str | None = None
    apart: bool = True
    places: Array | None = None
    left_out: Array | None = None
    units: Array | None = None
    heads: tuple[Head, ...] = ()

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

    def scorer(self, rows: Rows, objective: str | Objective | None = None) -> Scorer:
        """Return what a model's answers to ``rows`` are judged by: the task's own score, or another objective.

        Args:
            rows: The constant answer is scored on their labels.
            objective: As for `remedy.data.scores.scorer_for`.
        """
        if self.heads and callable(objective):  # It takes the labels and answers of all outputs.
            own = scorer_for(self.task, rows.target, objective)
            return replace(own, by_output=partial(ways, self.heads))
        if not self.heads or objective is not None:
            return scorer_for(self.task, rows.target, objective)
        return Scorer(score_name(self.task), 0.0, partial(mean_way, self.heads), by_output=partial(ways, self.heads))

    @property
    def nested(self) -> bool:
        """Whether rows come in a dict or a list, be it of one array."""
        return isinstance(self.train.X, (Mapping, list, tuple))

    @property
    def groups(self) -> Array | None:
        """Group of every training row, or None."""
        return self.train.groups

    @property
    def nothing_aside(self) -> bool:
        """Whether a fix is confirmed on rows that are also trained on or chosen by: too few to set any aside."""
        return self.judged_on_training or (self.holdout is not None and self.holdout is self.validation)

    @property
    def provable(self) -> bool:
        """Whether a score on the rows set aside says what new rows would: they are new, and no copies of others."""
        return self.apart and not self.nothing_aside

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
        return replace(self, train=rows.take(sample(rows, round(share * len(rows)), room, seed, self.task)))

    def for_search(self, seed: int, share: float = 0.2, resplit: bool = False) -> Dataset:
        """Set rows aside that no trial trains on or is chosen by, and make sure there are rows to choose by.

        A ``share`` of the training rows becomes the holdout, and as much again the validation rows
        where the user gave none. Classes keep their shares; groups, copies and overlapping windows stay on one side
        (`remedy.data.kinship`). Of large data all of them come from a random sample of `SEARCH_ROWS` rows.

        Args:
            seed: Of the split.
            share: Share of the rows that are set aside.
            resplit: The user's validation rows are no fair sample (they were sorted): both sets are
                drawn from all rows. Recipes train on what is left of the user's training side; one
                with a new split on the rest (``extra``), too. So it is where validation rows are copies of training
                rows. Groups forbid it: they stay where they are.
        """
        if self.large and self.complete and not self.sampled:
            return self._sample(seed).for_search(seed, share, resplit)
        few = len(self.train) < LEAST_ROWS or (self.validation is None and len(self.train) * (1 - share) < LEAST_ROWS)
        if few:
            held = self.train if self.validation is None else self.validation
            return replace(self, validation=held, holdout=held, judged_on_training=self.validation is None)
        n, given = len(self.train), self.validation
        joined = given is not None and _shapes(self.train.X) == _shapes(given.X)
        kin = kinship(self.train.X, *([given.X] if given is not None and joined else []))
        crosses = joined and _crosses(kin, n)
        anew = given is not None and self.groups is None and (resplit or crosses)
        pool = self.train.with_rows(given) if given is not None and anew else self.train
        ours = kin if anew or kin is None else kin.take(np.arange(n))
        if crosses and not anew and kin is not None:  # Groups stay where they are: what chose has copies set aside.
            return replace(self._set_aside(pool, ours, seed, share, False), apart=False, kin=kin.text)
        try:
            return self._set_aside(pool, ours, seed, share, anew or given is None)
        except InvalidInput:
            if ours is None:
                raise
            # Nearly all rows are copies of a few: they are split as if they were not, and nothing is confirmed.
            return replace(self._set_aside(pool, None, seed, share, anew or given is None), apart=False, kin=ours.text)

    def _set_aside(self, pool: Rows, kin: Kinship | None, seed: int, share: float, chooses: bool) -> Dataset:
        """Return the dataset with rows of ``pool`` set aside, and with drawn validation rows where it ``chooses``."""
        n, held = len(self.train), self.validation
        left, aside = indices(pool, share, seed, self.task, kin)
        taken = aside
        if chooses:
            rest = None if kin is None else kin.take(left)
            inner, chosen = indices(pool.take(left), share / (1 - share), seed + 1, self.task, rest)
            taken, left, held = np.concatenate([aside, left[chosen]]), left[inner], pool.take(left[chosen])
        own, holdout, taken = left < n, pool.take(aside), np.sort(taken[taken < n])
        assert held is not None
        missing = in_time(pool, kin) is not None and not self._alike(pool.take(left), held, holdout)
        return replace(
            self,
            train=pool.take(left[own]),
            extra=pool.take(left[~own]) if len(pool) > n else None,
            validation=held,
            holdout=holdout,
            validation_tail=self.validation_tail and not chooses,
            kin=None if kin is None else kin.text + (": by time, a class is missing from a side" if missing else ""),
            apart=self.apart and not missing and not (self.sampled and kin is not None and kin.positions is not None),
            places=taken if self.places is None else self.places[taken],
            units=holdout.groups if kin is None else kin.take(aside).units(holdout.groups),
        )

    def _alike(self, *sides: Rows) -> bool:
        """Say whether all sides hold all classes."""
        if self.task not in CLASSIFICATION:
            return True
        return len({tuple(np.unique(class_ids(side.target))) for side in sides}) == 1

    def _sample(self, seed: int) -> Dataset:
        """Return a dataset of few rows of either side."""
        held, room = self.validation, SEARCH_SHARE * arrays.nbytes(self.train.X)
        places = sample(self.train, SEARCH_ROWS, room, seed, self.task)
        if held is not None:
            held = held.take(sample(held, SEARCH_ROWS // 4, room / 4, seed, self.task))
        return replace(self, train=self.train.take(places), validation=held, sampled=True, places=places)


def _shapes(X: Nest) -> list[tuple[int, ...]]:
    return [leaf.shape[1:] for leaf in arrays.leaves(X)]


def _crosses(kin: Kinship | None, n: int) -> bool:
    """Say whether rows behind the first ``n`` belong together with some of these."""
    if kin is None:
        return False
    if kin.positions is not None:
        first, second = kin.positions[:n], kin.positions[n:]
        return bool(len(second) and first.max() + kin.span > second.min() and second.max() + kin.span > first.min())
    return bool(np.isin(kin.groups[n:], kin.groups[:n]).any())


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
