"""Rungs: candidates are tried for little, and the best third of each round goes on with the weights it has.

Successive halving with thirds (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and
Hyperparameter Optimization", 2016). What a trial costs at first is a number of epochs; where not even one
epoch of every candidate fits, it is one pass over a sample of the rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from remedy.search.attempts import Attempt
from remedy.search.budget import LONGER
from remedy.search.context import SearchContext
from remedy.training.engines._base import Job

MOST_AT_ONCE = 4
"""Attempts that go on in one round."""


def go_on(context: SearchContext) -> None:
    """Let the best third train on, `LONGER` each round and on all rows, while there is time."""
    rank = sorted((a for a in context.ledger if len(a.prescription)), key=lambda a: -a.score)
    alive = [a for a in rank if a.outcome.scores and not a.outcome.stuck]
    share = context.pace.rung.epochs * context.pace.rung.rows / context.recipe.epochs
    while alive and share < 1:
        share = min(1.0, LONGER * share)
        alive = alive[: max(1, math.ceil(len(alive) / 3))][:MOST_AT_ONCE]
        known = {attempt.key: attempt for attempt in alive}
        further = [a for a in alive if _epochs(a, share) > len(a.outcome.scores)]
        if further:
            context.listener.stage("continue", len(further))
        heard = 0
        for job, outcome in context.engine.run(_further(context, further, share)):
            heard += 1
            if outcome.scores:
                before = known[job.key]
                rows = 1.0 if len(outcome.scores) > len(before.outcome.scores) else before.rows
                known[job.key] = replace(before, outcome=outcome, rows=rows, others=())
            attempt = known[job.key]
            context.ledger.write(attempt)
            context.listener.step(str(attempt.prescription), attempt.score)
            context.listener.attempt(attempt)
        if heard < len(further):
            return
        alive = sorted(known.values(), key=lambda a: -a.score)


def _epochs(attempt: Attempt, share: float) -> int:
    """Return the epochs of an attempt that is given this share of what it plans; one more at least after a sample."""
    done = len(attempt.outcome.scores)
    if attempt.recipe is None:
        return done
    wanted = max(done + (attempt.rows < 1), math.ceil(share * attempt.recipe.epochs))
    return max(done, min(wanted, attempt.recipe.epochs))


def _further(context: SearchContext, alive: list[Attempt], share: float) -> Iterator[Job]:
    """Give the trainings of one round, until the time is over."""
    for attempt in alive:
        per_epoch = attempt.outcome.seconds / max(1, len(attempt.outcome.scores))
        deadline = context.pace.last_call(context.ledger.best(), context.ledger.baseline.score)
        short = deadline is not None and deadline - context.engine.clock() < per_epoch
        if short or attempt.recipe is None:
            return
        epochs = _epochs(attempt, share)
        yield Job(attempt.recipe, context.options.seed, epochs, attempt.key, deadline=deadline)
