"""Prescription: remedies and their doses, and which to try for a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from remedy.data.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import compile_line, with_surgery
from remedy.registry import remedies_for
from remedy.remedies._base import Dose, Remedy
from remedy.remedies.scale_inputs import scaling_patch


@dataclass(frozen=True)
class Prescription:
    """Remedies with their doses, in the order in which they are applied.

    Attributes:
        items: ``((remedy name, {dose name: value}), ...)``; empty for the untouched recipe.
    """

    items: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def __str__(self) -> str:
        """Return "scale-inputs(kind=standard) + learning-rate(rate=0.001)"."""
        return " + ".join(f"{name}({spelled(dose)})" for name, dose in self.items) or "as it was"

    def __len__(self) -> int:
        """Return the number of remedies."""
        return len(self.items)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the remedies."""
        return tuple(name for name, _ in self.items)

    @cached_property
    def key(self) -> str:
        """The same text for the same remedies and doses."""
        return json.dumps(self.items, sort_keys=True, default=str)

    def without(self, name: str) -> Prescription:
        """Return the prescription without one remedy."""
        return Prescription(tuple(item for item in self.items if item[0] != name))

    def factor(self, longer: str | None) -> int:
        """Return how many times more epochs it asks for; ``longer`` is the name of the remedy that asks for them."""
        return int(dict(self.items).get(longer or "", {"factor": 1})["factor"])

    def shortened(self, longer: str | None, planned: int, epochs: int) -> Prescription:
        """Return what was really tried where there was time for fewer of the additional epochs.

        Args:
            longer: Name of the remedy that asks for them.
            planned: Epochs of the recipe that it makes.
            epochs: What was trained of them.
        """
        if longer not in self.names or not 0 < epochs < planned:
            return self
        factor = epochs * self.factor(longer) // planned
        if factor <= 1:
            return self.without(longer)
        return Prescription(tuple((n, {**d, "factor": factor} if n == longer else d) for n, d in self.items))

    def only_longer_than(self, other: Prescription, longer: str | None) -> bool:
        """Say whether this is another prescription with more epochs and nothing else."""
        if longer is None or self.factor(longer) <= other.factor(longer):
            return False
        return self.without(longer).key == other.without(longer).key

    def params(self) -> dict[str, Any]:
        """Return ``{"learning-rate.rate": 0.001, ...}``."""
        return {f"{name}.{key}": value for name, dose in self.items for key, value in dose.items()}

    def apply(self, recipe: Recipe, dataset: Dataset, remedies: Iterable[Remedy]) -> Recipe:
        """Apply every remedy in turn.

        Raises:
            NotApplicable: One of them has nothing to act on, or two exclude each other.
        """
        known = {remedy.name: remedy for remedy in remedies}
        for name, dose in self.items:
            clash = set(known[name].excludes) & set(self.names)
            if clash:
                raise NotApplicable(f"{name} makes no sense beside {', '.join(sorted(clash))}")
            recipe = known[name].apply(recipe, dataset, **dose)
        return recipe

    def to_list(self) -> list[dict[str, Any]]:
        """Return ``[{"remedy": name, "dose": {...}}, ...]`` for JSON."""
        return [{"remedy": name, "dose": dict(dose)} for name, dose in self.items]


@dataclass(frozen=True)
class Change:
    """One row of the table of changes that a fix hands back.

    Attributes:
        remedy: Name of the remedy.
        before, after: What was there, and what is there now.
        alone: What the score gained by this remedy alone over the untouched recipe, in the search;
            None where it was not tried alone.
        without: What the score lost when only this remedy was left out; None where not measured.
    """

    remedy: str
    before: str
    after: str
    alone: float | None = None
    without: float | None = None


def lengthening(remedies: Iterable[Remedy]) -> str | None:
    """Return the name of the remedy that gives a training more epochs, or None where none may be used."""
    return next((remedy.name for remedy in remedies if remedy.lengthens), None)


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
    singles = [_joined(certain, [remedy], available, recipe, dataset) for _, _, remedy in ranked]
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
    start: Prescription, more: Sequence[Remedy], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> Prescription:
    """Return ``start`` with remedies added at their first dose that applies; excluded ones are left out."""
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
                now = remedy.apply(now, dataset, **dose)
            except NotApplicable:
                continue
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


def patch(prescription: Prescription, recipe: Recipe, dataset: Dataset, available: Iterable[Remedy]) -> str:
    """Return the lines of Python that make the same changes in the user's script.

    Args:
        prescription: What to apply.
        recipe: The untouched recipe.
        dataset: Rows it trains on.
        available: Remedies by whose names the prescription is read.
    """
    known = {remedy.name: remedy for remedy in available}
    lines: list[str] = []
    in_front: list[str] = []
    scaling: list[str] = []
    now, recompile = recipe, False
    # What shuffles the rows comes first: others divide them.
    for name, dose in sorted(prescription.items, key=lambda item: not known[item[0]].resplits):
        text = known[name].patch(now, dataset, **dose)
        # What goes in front of the model comes last: the other lines look for layers by name.
        head = f"# {name}: {spelled(dose)}" if dose else f"# {name}"
        if known[name].scales:
            scaling.append(head)
        else:
            there = in_front if known[name].in_front else lines
            there += [head, *([text] if text else [])]
        recompile = recompile or known[name].recompiles
        now = known[name].apply(now, dataset, **dose)
    # What comes in front last stands outermost: scaling and filling are one step, and before any noise.
    lines = with_surgery(lines, recipe) + in_front + [*scaling, *([scaling_patch(now)] if scaling else [])]
    if recompile:
        lines.append(compile_line(now))
    return "\n".join(lines)


def after_fit(prescription: Prescription, recipe: Recipe, dataset: Dataset, available: Iterable[Remedy]) -> str:
    """Return the lines that come behind ``fit``: answers in the user's own units, a threshold that is moved."""
    known = {remedy.name: remedy for remedy in available}
    lines: list[str] = []
    now = prescription.apply(recipe, dataset, known.values())
    for name, dose in prescription.items:
        lines += [text] if (text := known[name].after_fit(now, dataset, **dose)) else []
    return "\n".join(lines)


def spelled(dose: Mapping[str, Any]) -> str:
    """Spell a dose for people: "rate=0.001, schedule=constant"."""
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in dose.items())


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
