"""Rungs: candidates are tried for little, and the best third of each round goes on with the weights it has.

Successive halving with thirds (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and
Hyperparameter Optimization", 2016). What a trial costs at first is a number of epochs; where not even one
epoch of every candidate fits, it is one pass over a sample of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from remedy.search.options import Attempt
from remedy.training.engines._base import Job

if TYPE_CHECKING:
    from remedy.search.schedule import Screening

LONGER = 3
"""Combinations are tried this many times longer than single remedies, and every later round is this many
times longer again."""

MOST_AT_ONCE = 4
"""Attempts that go on in one round."""

LEAST_ROWS = 512
"""A sample of the rows is no smaller; below that, validation scores are mostly noise."""


@dataclass(frozen=True)
class Rung:
    """What a single remedy is given at first.

    Attributes:
        epochs: Passes over the rows.
        rows: Share of the training rows, 1 for all.
    """

    epochs: int = 1
    rows: float = 1.0

    @classmethod
    def affordable(cls, epochs: float, planned: int, rows: int) -> Rung:
        """Return the rung for what there is time for.

        Args:
            epochs: Epochs that fit into the time of one candidate, a fraction perhaps.
            planned: Epochs of the user's plan.
            rows: Training rows of an epoch.
        """
        if epochs >= 1:
            return cls(min(planned, int(epochs)))
        return cls(1, min(1.0, max(epochs, LEAST_ROWS / max(1, rows))))


def go_on(screening: Screening) -> None:
    """Let the best third train on, `LONGER` each round and on all rows, while there is time."""
    rank = sorted((a for a in screening.attempts if len(a.prescription)), key=lambda a: -a.score)
    alive = [a for a in rank if a.outcome.scores and not a.outcome.stuck]
    share = screening.pace.rung.epochs * screening.pace.rung.rows / screening.recipe.epochs
    while alive and share < 1:
        share = min(1.0, LONGER * share)
        alive = alive[: max(1, math.ceil(len(alive) / 3))][:MOST_AT_ONCE]
        known = {attempt.key: attempt for attempt in alive}
        further = [a for a in alive if a.recipe and (_epochs(a, share) > len(a.outcome.scores) or a.rows < 1)]
        if further:
            screening.listener.stage("continue", len(further))
        heard = 0
        for job, outcome in screening.engine.run(_further(screening, further, share)):
            heard += 1
            if outcome.scores:
                known[job.key] = replace(known[job.key], outcome=outcome, rows=1.0, others=())
            attempt = known[job.key]
            screening.attempts[attempt.number] = attempt
            screening.listener.step(str(attempt.prescription), attempt.score)
            screening.listener.attempt(attempt)
        if heard < len(further):
            return
        alive = sorted(known.values(), key=lambda a: -a.score)


def _epochs(attempt: Attempt, share: float) -> int:
    """Return the epochs of an attempt that is given this share of what it plans."""
    planned = 0 if attempt.recipe is None else math.ceil(share * attempt.recipe.epochs)
    return max(len(attempt.outcome.scores), planned)


def _further(screening: Screening, alive: list[Attempt], share: float) -> Iterator[Job]:
    """Give the trainings of one round, until the time is over."""
    for attempt in alive:
        per_epoch = attempt.outcome.seconds / max(1, len(attempt.outcome.scores))
        if screening.budget.left(screening.pace.shares.go_on) < per_epoch or attempt.recipe is None:
            return
        deadline = screening.budget.deadline(screening.pace.shares.go_on)
        epochs = _epochs(attempt, share)
        yield Job(attempt.recipe, screening.options.seed, epochs, attempt.key, deadline=deadline)
