"""The proof of a fix: the untouched and the treated recipe from fresh seeds, on rows that nothing was chosen by.

The untouched program is trained as its author would have trained it: all planned epochs, its own callbacks, the weights
that it ends with. Where the budget cannot pay for that, fewer seeds are compared and nothing is called confirmed.
"""

from __future__ import annotations

import logging
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import Scorer
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.search.attempts import whole_epoch_seconds
from remedy.search.budget import FRESH_SEEDS
from remedy.search.chance import Dependence, correlation, lead_by_chance, lead_of_heads
from remedy.search.context import SearchContext
from remedy.search.proof import LEAST, NEAR, Proof
from remedy.training.answers import predict
from remedy.training.engines._base import Job, Outcome

log = logging.getLogger(__name__)

CHANCE = 0.01
"""Chance that a recipe which has learnt nothing passes for a fix, shared out among all that are put to the proof
on the same rows (Bonferroni)."""

UNCONFIRMED = 0.05
"""The same chance where no rows could be set aside, so that nothing is called confirmed."""

GRACE = 0.1
"""The first two trainings of a proof may end so much of the budget late: without both of them all is in vain."""

ANOTHER_PROOF = 0.8
"""Share of the budget up to which the next best is reduced and confirmed where the best did not hold."""


def prove(context: SearchContext, prescription: Prescription, scorer: Scorer, proofs: int = 1) -> Proof:
    """Train the untouched and the treated recipe on fresh seeds and score both on the holdout rows.

    No detector ends a training here. The untouched recipe is judged by the weights that it ends with; of the treated
    one the epoch is chosen by the validation rows, as that of the model handed over is. A treated recipe with more
    epochs is weighed against the untouched one with as many, too, from one seed; more epochs alone against the plan.
    Where both sides come out alike, the untouched recipe is trained from the search's own start too, which no seed of
    the proof repeats: a program that fails from some starts only has a fix in one that never fails.

    Args:
        context: Of the search.
        prescription: What to prove.
        scorer: The objective.
        proofs: How many this one makes on the same rows; each has to be clearer than the last.
    """
    recipe, untouched = prescription.apply(context.recipe, context.dataset, context.remedies), context.recipe
    more = recipe.epochs > untouched.epochs and len(prescription) > 1
    seeds = tuple(context.options.seed + 1000 + i for i in range(FRESH_SEEDS))
    context.listener.stage("confirm", 2 * len(seeds) + more)
    deadline, late = context.budget.deadline(), context.budget.deadline(1 + GRACE)

    def job(side: str, seed: int) -> Job:
        treated, longer = side == "treated", side == "longer"
        chosen = recipe if treated else untouched.replace(epochs=recipe.epochs) if longer else untouched
        choose = context.rule.same if treated else None
        end = late if seed == seeds[0] else deadline
        return Job(chosen, seed, chosen.epochs, f"{side}-{seed}", "holdout", 1.0, end, None, False, choose)

    wanted = [job(side, seed) for seed in seeds for side in ("treated", "untouched")]
    if more:  # Early: where time ends the proof, fewer seeds say more than a gain that more epochs alone may bring.
        wanted.insert(2, job("longer", seeds[0]))
    ended: dict[tuple[str, int], Outcome] = {}
    seen, own = _seen(context), ("untouched", context.options.seed)

    def affordable(jobs: Sequence[Job]) -> Iterator[Job]:
        """Give the first seed's trainings, and of others those that the time left pays for to their end."""
        for planned in jobs:
            if planned.seed != seeds[0] and context.budget.left() < _expected_seconds(
                context, planned, prescription, ended
            ):
                return
            yield planned

    def train(jobs: Sequence[Job]) -> None:
        for done, found in context.engine.run(affordable(jobs)):
            side, outcome = done.key.split("-")[0], found
            if side == "longer" or (side == "treated" and context.dataset.units is None):
                context.engine.forget(done.key)
            if outcome.error is not None and side != "treated" and context.ledger.baseline.outcome.error is not None:
                # What can never be trained has no score; a constant answer has. A process that died says nothing of it.
                outcome = Outcome((scorer.worst if scorer.constant is None else scorer.constant,) * done.epochs)
            if outcome.in_full(done.epochs):  # What time ended is no training in full.
                ended[side, done.seed] = outcome
            context.listener.step(f"{side}, seed {done.seed}", outcome.score)

    train(wanted)
    if seen is None and _undecided(ended, seeds):  # The search ended its training early, from one more start.
        context.listener.stage("confirm", 1)
        train([job(*own)])
    both = tuple(seed for seed in seeds if ("treated", seed) in ended and ("untouched", seed) in ended)
    planned = tuple(_score(ended["untouched", seed]) for seed in both)
    both = both or tuple(seed for seed in seeds[:1] if ("treated", seed) in ended)
    treated = tuple(_score(ended["treated", seed]) for seed in both)
    longer = tuple(_score(outcome) for (side, _), outcome in ended.items() if side == "longer")
    middle, best = _median(both, planned) if planned else None, _median(both, treated)
    depends = None if best is None else _dependence(context, recipe, f"treated-{best}", scorer)
    for seed in seeds:
        context.engine.forget(f"treated-{seed}")
    return Proof(
        planned,
        treated,
        _margin(context.dataset, (treated, planned, longer), proofs, scorer.constant, depends),
        scorer.constant,
        both,
        recipe.epochs,
        _score(ended[own]) if own in ended else seen,
        evidence=(
            None if middle is None else ended["untouched", middle].evidence,
            None if best is None else ended["treated", best].evidence,
        ),
        longer=longer,
        weighed=not more or bool(longer),
        metrics={} if middle is None else _own_metrics(context, f"untouched-{middle}"),
    )


def _undecided(ended: Mapping[tuple[str, int], Outcome], seeds: Sequence[int]) -> bool:
    """Say whether both sides ended alike from all seeds, so that one more start of the untouched recipe would tell."""
    sides = [
        [_score(ended[side, seed]) for seed in seeds if (side, seed) in ended] for side in ("treated", "untouched")
    ]
    return all(len(side) == len(seeds) for side in sides) and (
        abs(statistics.median(sides[0]) - statistics.median(sides[1])) <= NEAR
    )


def _seen(context: SearchContext) -> float | None:
    """Return the score of the untouched recipe in the search, where it was trained in full there: starts fail."""
    baseline = context.ledger.baseline
    full = baseline.outcome.in_full(context.recipe.epochs) and baseline.rows >= 1 and math.isfinite(baseline.score)
    return baseline.score if full else None


def _dependence(context: SearchContext, recipe: Recipe, key: str, scorer: Scorer) -> Dependence | None:
    """Return how the rows set aside depend on each other, by the answers of a treated model where it is kept."""
    data = context.dataset
    if data.units is None or data.holdout is None or scorer.constant is None:
        return None
    model, rows = context.engine.model(key), recipe.coded(data.holdout)
    if model is None:
        return Dependence(data.units)
    try:
        answers = predict(model, rows.X, KERAS_BATCH_SIZE)
        return Dependence(data.units, correlation(data.task, rows.target, answers, data.units, recipe.from_logits))
    except Exception:  # What cannot be compared row by row, or fails, counts as wholly dependent.
        log.debug("rows of a unit count as wholly dependent", exc_info=True)
        return Dependence(data.units)


def _expected_seconds(
    context: SearchContext, job: Job, prescription: Prescription, ended: Mapping[tuple[str, int], Outcome]
) -> float:
    """Return what a training of a proof should take, by those of its side that have ended, else by the search."""
    of_side = job.key.split("-")[0]
    same = next((outcome for (side, _), outcome in ended.items() if side == of_side), None)
    if same is not None:
        return whole_epoch_seconds(same) * len(same.timed)
    attempt = context.ledger.of(prescription if of_side == "treated" else Prescription())
    return 0.0 if attempt is None else attempt.seconds_per_epoch * job.epochs


def _score(outcome: Outcome) -> float:
    return -1.0 if outcome.score is None else outcome.score


def _median(seeds: Sequence[int], scores: Sequence[float]) -> int | None:
    """Return the seed with the median score, the lower of two; None without seeds."""
    order = sorted(range(len(seeds)), key=lambda i: (scores[i], i))
    return seeds[order[(len(order) - 1) // 2]] if order else None


def own_metrics(model: Any, rows: Rows) -> dict[str, float]:
    """Return what ``model.evaluate`` says of rows: the loss and the user's own metrics, by name; empty where it fails.

    Args:
        model: Compiled; its answers are in the units of ``rows``.
        rows: What to evaluate on.
    """
    try:
        found = model.evaluate(rows.X, rows.y, sample_weight=rows.sample_weight, verbose=0, return_dict=True)
        return {name: float(value) for name, value in found.items()}
    except Exception:  # A metric of the user's own; it is said beside a score, and is not the score.
        log.debug("the user's own metrics are not compared", exc_info=True)
        return {}


def _own_metrics(context: SearchContext, key: str) -> dict[str, float]:
    """Return the user's own metrics of an untouched training on the rows set aside."""
    model, rows = context.engine.model(key), context.dataset.holdout
    return {} if rows is None or not hasattr(model, "evaluate") else own_metrics(model, rows)


def _margin(
    dataset: Dataset,
    sides: tuple[Sequence[float], Sequence[float], Sequence[float]],
    proofs: int,
    constant: float | None,
    depends: Dependence | None,
) -> float:
    """Return by how much the treated recipe has to lead the untouched one, its longer training and a constant."""
    treated, untouched, longer = sides
    spread = max((max(s) - min(s)) / 2 if s else 0.0 for s in (treated, untouched))
    if constant is None:  # A loss or an objective of the user's own has a scale of its own.
        return max(spread, LEAST * max(map(abs, untouched), default=1.0))
    if dataset.holdout is None:
        return max(spread, LEAST)
    # Rows that are trained on prove nothing, and nothing is called confirmed: a fix has to learn them, and no more.
    chance = UNCONFIRMED if dataset.nothing_aside else CHANCE / proofs
    led = max([constant, *(statistics.median(side) for side in (untouched, longer) if side)])
    if dataset.heads:
        return max(spread, lead_of_heads(dataset.heads, dataset.holdout.y, chance, depends, led), LEAST)
    return max(spread, lead_by_chance(dataset.task, dataset.holdout.target, chance, depends, led), LEAST)
