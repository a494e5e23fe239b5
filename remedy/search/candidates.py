"""What to try for a diagnosis, in which order: causes first, single remedies, the textbook combination."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from remedy.data.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.errors import NotApplicable
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import loses_loaded
from remedy.registry import remedies_for
from remedy.remedies._base import Dose, Remedy

SINGLES = 8
"""Single remedies that are tried; what is asked for later in a long list is left to combinations and draws."""

BEFORE = 2
"""Single remedies that are tried before the textbook combination."""

FIRST_CHOICES, CHOICES = 2, 5
"""Remedies of every diagnosis that stand in the textbook combination, and in the one that tries everything."""


def indicated(
    diagnoses: Sequence[Diagnosis], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> list[Remedy]:
    """Return the remedies that the diagnoses ask for and that have something to act on, first choices first."""
    return [remedy for _, _, remedy in _ranked(diagnoses, available, recipe, dataset)]


def foundation(
    diagnoses: Sequence[Diagnosis], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> Prescription:
    """Return the remedies of errors that were plain before training: no other remedy can do without them."""
    plain = [d for d in diagnoses if d.severity == "error" and d.epoch == 0]
    return first_choices(plain, available, recipe, dataset)


def for_causes(
    diagnoses: Sequence[Diagnosis], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> Prescription:
    """Return the first choice of every cause that was found.

    A symptom (all rows in one class, a flat loss) says that training fails; a cause says why.
    """
    return first_choices([d for d in diagnoses if not d.symptom], available, recipe, dataset)


def candidates(
    diagnoses: Sequence[Diagnosis], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> list[Prescription]:
    """Return what to try before any sampling, in order.

    The `foundation`; the first choice of every cause that was found; each indicated
    remedy alone (on the foundation), between the first two and the others the textbook combination of
    the first choices of every diagnosis and one of many more; and the textbook with an excluded
    remedy in the place of what excludes it.

    Args:
        diagnoses: Most certain first; they say which remedies are indicated.
        available: Remedies that may be used.
        recipe: The untouched recipe.
        dataset: Rows the search trains on.
    """
    certain = foundation(diagnoses, available, recipe, dataset)
    found = [certain, for_causes(diagnoses, available, recipe, dataset)]
    mended = certain.apply(recipe, dataset, available)
    ranked = [e for e in _ranked(diagnoses, available, mended, dataset) if e[2].name not in certain.names]
    singles = [_joined(certain, [remedy], available, recipe, dataset, together=False) for _, _, remedy in ranked]
    singles = [p for p in singles if len(p) > len(certain)]
    first = sorted(ranked, key=lambda entry: (entry[0] >= FIRST_CHOICES, entry[1].symptom, entry[1].epoch > 0))
    chosen = [remedy for rank, _, remedy in first if rank < FIRST_CHOICES]
    textbook = _joined(certain, chosen, available, recipe, dataset)
    everything = _joined(certain, [r for rank, _, r in first if rank < CHOICES], available, recipe, dataset)
    swapped = [
        _joined(certain, [remedy, *chosen], available, recipe, dataset)
        for remedy in chosen
        if remedy.name not in textbook.names
    ]
    listed = [*found, *singles[:BEFORE], textbook, everything, *singles[BEFORE:SINGLES], *swapped]
    return list({p.key: p for p in listed if len(p)}.values())


def _ranked(
    diagnoses: Sequence[Diagnosis], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> list[tuple[int, Diagnosis, Remedy]]:
    """Return every remedy asked for that applies, once: its best rank in a diagnosis, that diagnosis, the remedy."""
    fits = {
        remedy.name
        for remedy in available
        if remedy.searched
        and not (remedy.surgery and recipe.architecture.opaque)
        and any(applies(remedy, dose, recipe, dataset) for dose in remedy.usual_doses(recipe, dataset))
    }
    asked = [
        (rank, diagnosis, remedy)
        for diagnosis in diagnoses
        for rank, remedy in enumerate(r for r in remedies_for(diagnosis, available) if r.name in fits)
    ]
    asked.sort(key=lambda entry: entry[0])
    best: dict[str, tuple[int, Diagnosis, Remedy]] = {}
    for entry in asked:
        best.setdefault(entry[2].name, entry)
    return list(best.values())


def first_choices(
    diagnoses: Sequence[Diagnosis],
    available: Sequence[Remedy],
    recipe: Recipe,
    dataset: Dataset,
    searched: bool = True,
) -> Prescription:
    """Return the first remedy of every diagnosis that applies; ``searched=False`` adds what changes no training."""
    made = Prescription()
    for diagnosis in diagnoses:
        for remedy in remedies_for(diagnosis, available):
            if remedy.name in made.names:
                break
            tried = remedy.searched or not searched
            more = _joined(made, [remedy], available, recipe, dataset) if tried else made
            if len(more) > len(made):
                made = more
                break
    return made


def _joined(
    start: Prescription,
    more: Sequence[Remedy],
    available: Sequence[Remedy],
    recipe: Recipe,
    dataset: Dataset,
    together: bool = True,
) -> Prescription:
    """Return ``start`` with remedies added at their first dose that applies.

    Left out are excluded ones and, where they stand together with others, those that lose loaded weights.
    """
    known = {remedy.name: remedy for remedy in available}
    now = start.apply(recipe, dataset, available)
    items = list(start.items)
    for remedy in more:
        taken = {name for name, _ in items}
        clash = set(remedy.excludes) | {r.name for r in known.values() if remedy.name in r.excludes}
        if remedy.name in taken or clash & taken or (remedy.surgery and recipe.architecture.opaque):
            continue
        for dose in remedy.usual_doses(now, dataset):
            try:
                changed = remedy.apply(now, dataset, **dose)
            except NotApplicable:
                continue
            if together and loses_loaded(now, changed):
                break  # The loaded weights may be worth more than all else: what loses them is tried by itself.
            now = changed
            items.append((remedy.name, dose))
            break
    return Prescription(tuple(items))


def applies(remedy: Remedy, dose: Dose, recipe: Recipe, dataset: Dataset) -> bool:
    """Say whether a remedy has something to act on, at this dose."""
    try:
        remedy.apply(recipe, dataset, **dose)
    except NotApplicable:
        return False
    return True


def usable(
    certain: Prescription, drawn: Prescription, remedies: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> Prescription:
    """Put what is certain before what was drawn; leave out what is excluded or has nothing to act on at its dose."""
    known = {remedy.name: remedy for remedy in remedies}
    items: list[tuple[str, Any]] = []
    for name, dose in (*certain.items, *(item for item in drawn.items if item[0] not in certain.names)):
        if any(other in known[name].excludes or name in known[other].excludes for other, _ in items):
            continue
        try:
            recipe = known[name].apply(recipe, dataset, **dose)
        except NotApplicable:
            continue
        items.append((name, dose))
    return Prescription(tuple(items))
