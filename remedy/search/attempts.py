"""One attempt of a search: a prescription, and what came of it; and the course of them all."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from remedy.evidence.records import Shallow
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.training.engines._base import Outcome

MANY_EPOCHS = 10
"""Epochs from which on building a model, some tenths of a second, does not make them look longer than they are."""


@dataclass(frozen=True)
class Attempt:
    """One prescription that was tried.

    Attributes:
        number: In the order of trying, from 0; 0 is the untouched recipe.
        prescription: What was changed.
        recipe: The changed recipe.
        outcome: What came of it.
        key: The engine's name for this training; empty where there was none.
        rows: Share of the training rows that it was last trained on.
        cut: Whether time ended it: of the additional epochs of its prescription only these were possible.
        others: What came of the same training from other seeds; only leaders have them.
    """

    number: int
    prescription: Prescription
    recipe: Recipe | None
    outcome: Outcome
    key: str = ""
    rows: float = 1.0
    cut: bool = False
    others: tuple[Outcome, ...] = ()

    @property
    def score(self) -> float:
        """Mean over seeds of the last epochs' scores, a third of them and three at most; -inf where there are none."""
        return statistics.fmean(_level(outcome.scores) for outcome in (self.outcome, *self.others))

    @property
    def seconds_per_epoch(self) -> float:
        """Time of an epoch on all rows, with what is measured and judged after it."""
        return whole_epoch_seconds(self.outcome) / self.rows


@dataclass(frozen=True)
class Course:
    """How a search went.

    Attributes:
        attempts: Everything tried, in order; the first is the untouched recipe.
        score: Name of the score.
        constant: Score of the best constant answer, or None for a user's own objective.
        shallow: What a shallow model reaches on the same rows, or None.
        seconds: That it took, proof included.
    """

    attempts: tuple[Attempt, ...] = ()
    score: str = "score"
    constant: float | None = None
    shallow: Shallow | None = None
    seconds: float = 0.0

    def levels(self) -> dict[str, float]:
        """Return the scores to compare with, by name."""
        found: dict[str, float] = {}
        if self.attempts and math.isfinite(self.attempts[0].score):
            found["untouched"] = self.attempts[0].score
        if self.constant is not None:
            found["best constant answer"] = self.constant
        if self.shallow is not None:
            found[f"{self.shallow.model}, shallow"] = self.shallow.score
        return found


def epoch_seconds(outcome: Outcome) -> float:
    """Return the median time of an epoch, 0 where none is known; the first, which traces, counts only by itself."""
    timed = outcome.timed
    return statistics.median(timed[1:] or timed) if timed else 0.0


def whole_epoch_seconds(outcome: Outcome) -> float:
    """Return the time of an epoch with what is measured after it.

    Building the model is not part of an epoch, so time beside the epochs counts only where many share it.
    """
    timed = outcome.timed
    if len(timed) < MANY_EPOCHS:
        return epoch_seconds(outcome)
    return epoch_seconds(outcome) + max(0.0, outcome.seconds - sum(timed)) / len(timed)


def _level(scores: tuple[float, ...]) -> float:
    return statistics.fmean(scores[-min(3, max(1, len(scores) // 3)) :]) if scores else -math.inf
