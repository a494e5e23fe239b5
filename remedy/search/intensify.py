"""Intensification: what leads a search is trained from more initial weights before it is believed.

The best of many single trainings is partly the luckiest. A leader that fails from other seeds loses its
place to one that does not (Hutter, Hoos, Leyton-Brown and Stützle, "ParamILS", 2009, section 4.2: an
incumbent is run again before it may displace others).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from remedy.search.attempts import Attempt
from remedy.search.context import SearchContext
from remedy.training.engines._base import Job

SEEDS = 3
"""Seeds that a leader is judged by, the one of the search included."""


def intensify(context: SearchContext) -> None:
    """Train the best attempt from more seeds, then whichever is the best by then, until it has them all.

    Where a training is too long for that, the best stays what a single seed says. A first excellent result goes to
    its proof at once, which has seeds of its own.
    """
    if not context.ledger.set_aside and context.rule.excellent(context.ledger.best()):
        return
    while (best := context.ledger.best()) is not None and not best.others and context.ledger.worth_following(best):
        if best.rows < 1 or not context.pace.can_repeat(best, SEEDS - 1):
            return
        outcomes = {}
        for job, outcome in context.engine.run(_jobs(context, best)):
            context.engine.forget(job.key)
            context.listener.step(str(best.prescription), outcome.score)
            outcomes[job.seed] = outcome
        if not all(outcome.scores and not outcome.cut for outcome in outcomes.values()):
            return
        # Several processes end in any order; the seeds keep theirs.
        judged = replace(best, others=tuple(outcomes[seed] for seed in sorted(outcomes)))
        context.ledger.write(judged)
        context.listener.attempt(judged)


def other_seeds(context: SearchContext, attempt: Attempt) -> tuple[int, ...]:
    """Return the seeds that an attempt was trained from, beside that of the search."""
    return _seeds(context) if attempt.others else ()


def _seeds(context: SearchContext) -> tuple[int, ...]:
    return tuple(context.options.seed + i for i in range(1, SEEDS))


def _jobs(context: SearchContext, best: Attempt) -> Iterator[Job]:
    assert best.recipe is not None
    deadline = context.budget.deadline()
    for seed in _seeds(context):
        yield Job(best.recipe, seed, len(best.outcome.scores), f"{best.key}-seed-{seed}", deadline=deadline)
