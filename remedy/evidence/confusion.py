"""Confusion matrices: how often each class was taken for each, before and after a fix, in the same order of classes.

Both are counted on rows that were never trained on or chosen by: before by the untouched training of the proof whose
score is the median, after by the model that is handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remedy.evidence.evidence import Evidence

ABSENT = -1.0
"""Stands for a label that is absent, where a row has several."""


@dataclass(frozen=True)
class Confusion:
    """How often each class was taken for each.

    Attributes:
        labels: Names of the classes, in the order of rows and columns.
        counts: ``counts[true][predicted]`` in rows; where a row has several labels, or steps, each counts.
        missed: Where a row has several labels: how often each was missed. Its counts then hold what was found.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    missed: tuple[int, ...] | None = None

    @property
    def support(self) -> tuple[int, ...]:
        """True rows of every class."""
        missed = self.missed or (0,) * len(self.labels)
        return tuple(sum(row) + more for row, more in zip(self.counts, missed, strict=True))

    @property
    def recalls(self) -> tuple[float | None, ...]:
        """Share of every class that was found; None for one that never occurs."""
        return tuple(self.counts[i][i] / rows if rows else None for i, rows in enumerate(self.support))

    @property
    def shares(self) -> list[list[float | None]]:
        """Every row of the matrix as shares of its true class; None where that never occurs."""
        return [[n / rows if rows else None for n in row] for row, rows in zip(self.counts, self.support, strict=True)]


def confusions(
    before: Evidence | None, after: Evidence | None, classes: Sequence[float] = ()
) -> tuple[Confusion, Confusion] | None:
    """Return the matrices of two trainings with the same classes in the same order; None where one was not counted.

    Args:
        before, after: Evidence of both.
        classes: The user's own labels, as in `remedy.Fix`; classes that never occur are among them.
    """
    if before is None or after is None or not before.confusion or not after.confusion:
        return None
    found = {label for pairs in (before.confusion, after.confusion) for a, b, _ in pairs for label in (a, b)}
    several = after.task == "multilabel"
    known = {*found, *classes} - ({ABSENT} if several else set())
    if not classes and after.predicted_counts:
        units = {float(k) for k in range(len(after.predicted_counts[-1]))}
        known |= units if known <= units else set()
    labels = sorted(known)
    first, second = (_matrix(side.confusion or (), labels, several) for side in (before, after))
    return first, second


def _matrix(pairs: Sequence[tuple[float, float, int]], labels: Sequence[float], several: bool) -> Confusion:
    place = {label: i for i, label in enumerate(labels)}
    counts = [[0] * len(labels) for _ in labels]
    missed = [0] * len(labels)
    for true, predicted, rows in pairs:
        if not several or ABSENT not in (true, predicted):
            counts[place[true]][place[predicted]] += rows
        elif predicted == ABSENT:
            missed[place[true]] += rows
    names = tuple(f"{label:g}" for label in labels)
    return Confusion(names, tuple(tuple(row) for row in counts), tuple(missed) if several else None)
