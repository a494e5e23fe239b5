"""What a search is made of: its options, its attempts, its budget, and who listens."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import Protocol

from remedy.data.scores import Objective
from remedy.errors import InvalidInput
from remedy.evidence.records import Shallow
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.training.engines._base import Engine, Outcome

MANY_EPOCHS = 10
"""Epochs from which on building a model, some tenths of a second, does not make them look longer than they are."""

MOST_SCREENING = 0.6
"""Largest share of a time budget that is spent on trying prescriptions."""


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        trials: Most prescriptions to try.
        timeout: Seconds for searching and confirming together; None for no limit. The final
            training of the fix comes on top.
        seed: Of sampling, splits and trainings.
        objective: None for balanced accuracy, macro F1 or R^2, whichever the task asks for; one of
            their names; or a callable ``(y_true, y_pred) -> float``, higher is better.
        workers: Trainings at a time, each in a process of its own; 1 trains in this process. "auto" starts
            processes where the search is long enough for them to pay, one for every core or GPU, or as many as the
            free memory of a single GPU holds, and eight at most.
        storage: Optuna storage URL that keeps the study for other tools to look at; None keeps it in memory. A
            killed search goes on without it, from what stands in MLflow.

    Raises:
        InvalidInput: A value that no search can use.
    """

    trials: int = 40
    timeout: float | None = 600.0
    seed: int = 0
    objective: str | Objective | None = None
    workers: int | str = "auto"
    storage: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.trials < 1:
            raise InvalidInput(f"Search(trials={self.trials}): give at least 1, or search=False.")
        if self.timeout is not None and not self.timeout > 0:
            raise InvalidInput(f"Search(timeout={self.timeout}): give seconds above 0, or None.")
        if self.workers != "auto" and not (isinstance(self.workers, int) and self.workers >= 1):
            raise InvalidInput(f'Search(workers={self.workers!r}): give a number of processes from 1, or "auto".')


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


class Listener(Protocol):
    """Hears how a search goes on; the terminal and the tracking store listen."""

    def stage(self, name: str, total: int) -> None:
        """A stage begins: "search", "continue", "reduce" or "confirm", with so many trainings."""

    def step(self, name: str, score: float | None) -> None:
        """One training of a stage ended."""

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended; told again when it went on for more epochs."""


@dataclass(frozen=True)
class Shares:
    """Shares of the time budget at which the stages of a search end.

    What is left at the end is for confirming on fresh seeds, which must never be squeezed out.

    Attributes:
        screen: Trying prescriptions.
        go_on: Letting the best train on.
        reduce: Dropping remedies.
    """

    screen: float = 0.36
    go_on: float = 0.52
    reduce: float = 0.66

    @classmethod
    def that_leave(cls, seconds: float, timeout: float | None) -> Shares:
        """Return shares that leave ``seconds`` for reducing and confirming: small programs may be searched longer."""
        if timeout is None:
            return cls()
        screen = max(cls.screen, min(MOST_SCREENING, 1 - seconds / timeout))
        left = (1 - screen) / (1 - cls.screen)
        return cls(screen, screen + left * (cls.go_on - cls.screen), screen + left * (cls.reduce - cls.screen))


class Budget:
    """Time that is left, by an engine's clock."""

    def __init__(self, timeout: float | None, engine: Engine) -> None:
        """Start counting now."""
        self._clock, self._began = engine.clock, engine.clock()
        self.timeout = timeout

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def left(self, share: float = 1.0) -> float:
        """Seconds until ``share`` of the budget is spent; infinite without a limit."""
        return math.inf if self.timeout is None else self.timeout * share - self.spent

    def deadline(self, share: float = 1.0) -> float | None:
        """The same moment as a time of the engine's clock."""
        return None if self.timeout is None else self._began + self.timeout * share
