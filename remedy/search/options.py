"""How a search is asked for, and who listens to it."""

from __future__ import annotations

import math
from dataclasses import InitVar, dataclass
from numbers import Integral, Real
from typing import Protocol

from remedy.data.scores import Objective, require_known
from remedy.errors import InvalidInput
from remedy.search.attempts import Attempt


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        trials: Most prescriptions to try.
        timeout: Seconds for searching and confirming together; None for no limit. The final
            training of the fix comes on top, and the first two trainings of a proof may end a tenth late.
        seed: Of sampling, splits and trainings.
        objective: None for balanced accuracy, macro F1 or R^2, whichever the task asks for; one of
            their names; or a callable ``(y_true, y_pred) -> float``, higher is better: labels and what the network
            answers, of a model of several outputs those of all of them.
        workers: Trainings at a time, each in a process of its own; 1 trains in this process. "auto" starts
            processes where the search is long enough for them to pay, one for every core or GPU, or as many as the
            free memory of a single GPU holds, and eight at most.
        storage: Optuna storage URL that keeps the study for other tools to look at; None keeps it in memory. A
            killed search goes on without it, from what stands in MLflow.
        n_trials: Optuna's name for ``trials``.

    Raises:
        InvalidInput: A value that no search can use.
    """

    trials: int = 40
    timeout: float | None = 600.0
    seed: int = 0
    objective: str | Objective | None = None
    workers: int | str = "auto"
    storage: str | None = None
    n_trials: InitVar[int | None] = None

    def __post_init__(self, n_trials: int | None) -> None:
        """Check the values."""
        if n_trials is not None:
            object.__setattr__(self, "trials", n_trials)
        if isinstance(self.trials, bool) or not isinstance(self.trials, Integral):
            raise InvalidInput(f"Search(trials={self.trials!r}): give a number from 1.")
        if self.trials < 1:
            raise InvalidInput(f"Search(trials={self.trials}): give at least 1, or search=False.")
        if self.timeout == math.inf:
            object.__setattr__(self, "timeout", None)
        if self.timeout is not None and not (isinstance(self.timeout, Real) and self.timeout > 0):
            raise InvalidInput(f"Search(timeout={self.timeout!r}): give seconds above 0, or None.")
        if self.workers != "auto" and not (isinstance(self.workers, int) and self.workers >= 1):
            raise InvalidInput(f'Search(workers={self.workers!r}): give a number of processes from 1, or "auto".')
        if self.objective is not None and not callable(self.objective):
            require_known(self.objective)


class Listener(Protocol):
    """Hears how a search goes on; the terminal and the tracking store listen."""

    def stage(self, name: str, total: int) -> None:
        """A stage begins: "search", "continue", "reduce" or "confirm", with so many trainings."""

    def step(self, name: str, score: float | None) -> None:
        """One training of a stage ended."""

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended; told again when it went on for more epochs."""
