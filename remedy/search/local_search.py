"""What else to try around the best so far: other learning rates, more epochs, one more remedy, one less."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from remedy.data.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.registry import remedies_for
from remedy.remedies._base import Remedy
from remedy.search.attempts import Attempt
from remedy.search.candidates import applies, indicated
from remedy.training.engines._base import Engine

RATE_FACTORS = (1.0, 3.0, 1 / 3)
"""Around the rate that a range test suggests."""

TIMES_LONGER, MOST_LONGER = 3, 300
"""How many times longer the best is trained at once, and at most over the user's plan."""

OTHER = 2.0
"""A suggested rate nearer to the present one, as a factor, is no other rate."""

RISING = 0.01
"""Gain from the second third of its epochs to the last from which on a training is unfinished."""


def improvements(
    best_so_far: Callable[[], Attempt | None],
    wanted: Sequence[Remedy],
    remedies: Sequence[Remedy],
    engine: Engine,
    dataset: Dataset,
    seed: int,
    most_seconds: float = math.inf,
    certain: Sequence[str] = (),
) -> Iterator[Prescription | None]:
    """Yield the best so far at other rates, with more epochs, with one more remedy, with one less; then the same again.

    None where there is nothing new as long as the best stays the best, or no best yet: it may be asked again.

    Args:
        best_so_far: Asked anew before every step.
        wanted: Remedies that the diagnoses of the untouched program ask for.
        remedies: All that may be used.
        engine: Makes the range test.
        dataset: Rows of the search.
        seed: Of the range test.
        most_seconds: That one training with more epochs may take.
        certain: Names of remedies that no prescription does without.
    """
    told: set[str] = set()
    rates: dict[str, list[Prescription]] = {}
    while True:
        best = best_so_far()
        if best is None or best.recipe is None:
            yield None
            continue
        others = _without_rate(best.prescription, remedies).key
        if others not in rates:
            rates[others] = _rates(best, remedies, engine, seed)
        # What troubles the best is what to treat next.
        asked = indicated(best.outcome.diagnoses, remedies, best.recipe, dataset)
        longer = _longer(best, remedies) if TIMES_LONGER * best.outcome.seconds <= most_seconds else []
        more = _one_more(best, [*asked, *(r for r in wanted if r not in asked)], remedies, dataset)
        new = next((p for p in (*rates[others], *longer, *more, *_one_less(best, certain)) if p.key not in told), None)
        if new is not None:
            told.add(new.key)
        yield new


def tested_rate(
    start: Prescription,
    diagnoses: Sequence[Diagnosis],
    remedies: Sequence[Remedy],
    recipe: Recipe,
    dataset: Dataset,
    suggest: Callable[[Recipe], float | None],
) -> Prescription | None:
    """Return ``start`` at the rate of a range test, where another rate is asked for and the textbook's is in use.

    Without it nobody would try another rate before longer and larger trainings: which way to go from the usual rate
    only a test tells.

    Args:
        start: What every prescription holds.
        diagnoses: They say whether another rate is asked for.
        remedies: That may be used.
        recipe: With ``start`` applied.
        dataset: Rows of the search.
        suggest: Makes the range test.
    """
    rate = next((r for r in remedies if r.sets_rate and "kind" not in r.space), None)
    if rate is None or rate.name in start.names or rate.usual_doses(recipe, dataset):
        return None
    if not any(rate in remedies_for(d, remedies) for d in diagnoses):
        return None
    found, now = suggest(recipe), recipe.learning_rate
    if found is None or now <= 0 or abs(math.log(found / now)) < math.log(OTHER):
        return None
    space = rate.space["rate"]
    dose = {**rate.usual, "rate": min(space.high, max(space.low, found))}
    return Prescription((*start.items, (rate.name, dose))) if applies(rate, dose, recipe, dataset) else None


def _longer(best: Attempt, remedies: Sequence[Remedy]) -> list[Prescription]:
    """Return the best so far with three times the epochs, where it was still getting better when they ended."""
    scores, recipe = best.outcome.scores, best.recipe
    third = len(scores) // 3
    longer = next((remedy for remedy in remedies if remedy.lengthens), None)
    if recipe is None or len(scores) < recipe.epochs or longer is None:
        return []
    if third and statistics.fmean(scores[-third:]) < statistics.fmean(scores[-2 * third : -third]) + RISING:
        return []
    name, factor = longer.name, TIMES_LONGER * best.prescription.factor(longer.name)
    rest = best.prescription.without(name).items
    dose = {**longer.usual, **dict(best.prescription.items).get(name, {}), "factor": factor}
    return [Prescription((*rest, (name, dose)))] if factor <= MOST_LONGER else []


def _without_rate(prescription: Prescription, remedies: Sequence[Remedy]) -> Prescription:
    """Return what is left when only the rate may differ: of what sets it, the kind of optimizer."""
    setters = {remedy.name for remedy in remedies if remedy.sets_rate}
    kinds = [
        (name, {k: v for k, v in dose.items() if k == "kind"} if name in setters else dose)
        for name, dose in prescription.items
    ]
    return Prescription(tuple((name, dose) for name, dose in kinds if dose or name not in setters))


def _rates(best: Attempt, remedies: Sequence[Remedy], engine: Engine, seed: int) -> list[Prescription]:
    """Return the best so far at rates around what a range test suggests."""
    setters = [remedy for remedy in remedies if remedy.sets_rate]
    there = [remedy for remedy in setters if "kind" in remedy.space and remedy.name in best.prescription.names]
    known = next(iter([*there, *(remedy for remedy in setters if "kind" not in remedy.space)]), None)
    if known is None or best.recipe is None:
        return []
    suggested = engine.suggest_rate(best.recipe, seed)
    if suggested is None:
        return []
    low, high = known.space["rate"].low, known.space["rate"].high
    rates = [min(high, max(low, suggested * factor)) for factor in RATE_FACTORS]
    name, items = known.name, best.prescription.items
    if not there:
        rest = best.prescription.without(name).items
        return [Prescription((*rest, (name, {**known.usual, "rate": rate}))) for rate in rates]
    return [
        Prescription(tuple((n, {**dose, "rate": rate} if n == name else dose) for n, dose in items)) for rate in rates
    ]


def _one_less(best: Attempt, certain: Sequence[str]) -> Iterator[Prescription]:
    """Yield the best so far without one of its remedies, the last asked for first: some do harm beside others."""
    if len(best.prescription) > 1:
        spare = [name for name in best.prescription.names if name not in certain]
        yield from (best.prescription.without(name) for name in reversed(spare))


def _one_more(
    best: Attempt, wanted: Sequence[Remedy], remedies: Sequence[Remedy], dataset: Dataset
) -> Iterator[Prescription]:
    for remedy in wanted:
        taken = set(best.prescription.names)
        clash = set(remedy.excludes) | {r.name for r in remedies if remedy.name in r.excludes}
        if remedy.name in taken or clash & taken or best.recipe is None:
            continue
        doses = remedy.usual_doses(best.recipe, dataset)
        for dose in [d for d in doses if applies(remedy, d, best.recipe, dataset)][:1]:
            yield Prescription((*best.prescription.items, (remedy.name, dose)))
