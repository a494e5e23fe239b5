"""What else to try on top of the best so far: other learning rates, and one more remedy at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from remedy.dataset import Dataset
from remedy.engines._base import Engine
from remedy.prescription import Prescription, applies, indicated
from remedy.remedies._base import Remedy
from remedy.search import Attempt

RATE_FACTORS = (1.0, 3.0, 1 / 3)
"""Around the rate that a range test suggests."""


def improvements(
    best_so_far: Callable[[], Attempt | None],
    wanted: Sequence[Remedy],
    remedies: Sequence[Remedy],
    engine: Engine,
    dataset: Dataset,
    seed: int,
) -> Iterator[Prescription]:
    """Yield the best so far at other rates and with one more remedy; from the new best as soon as one wins.

    Args:
        best_so_far: Asked anew before every step.
        wanted: Remedies that the diagnoses of the untouched program ask for.
        remedies: All that may be used.
        engine: Makes the range test.
        dataset: Rows of the search.
        seed: Of the range test.
    """
    told: set[str] = set()
    rates: dict[str, list[Prescription]] = {}
    while (best := best_so_far()) is not None and best.recipe is not None:
        others = best.prescription.without("learning-rate").key
        if others not in rates:
            rates[others] = _rates(best, remedies, engine, seed)
        # What troubles the best is what to treat next.
        asked = indicated(best.outcome.diagnoses, remedies, best.recipe, dataset)
        more = _one_more(best, [*asked, *(r for r in wanted if r not in asked)], remedies, dataset)
        new = next((p for p in (*rates[others], *more) if p.key not in told), None)
        if new is None:
            return
        told.add(new.key)
        yield new


def _rates(best: Attempt, remedies: Sequence[Remedy], engine: Engine, seed: int) -> list[Prescription]:
    """Return the best so far at rates around what a range test suggests."""
    known = next((r for r in remedies if r.name == "learning-rate"), None)
    if known is None or best.recipe is None or "optimizer" in best.prescription.names:
        return []
    suggested = engine.suggest_rate(best.recipe, seed)
    if suggested is None:
        return []
    low, high = known.space["rate"].low, known.space["rate"].high
    rates = [min(high, max(low, suggested * factor)) for factor in RATE_FACTORS]
    rest = best.prescription.without("learning-rate").items
    return [Prescription((*rest, ("learning-rate", {"rate": rate, "schedule": "constant"}))) for rate in rates]


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
