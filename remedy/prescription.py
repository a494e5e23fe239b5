"""Prescription: remedies and their doses, and which to try for a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remedy.calls import compile_line
from remedy.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.errors import NotApplicable
from remedy.recipe import Recipe
from remedy.registry import remedies_for
from remedy.remedies._base import Dose, Remedy


@dataclass(frozen=True)
class Prescription:
    """Remedies with their doses, in the order in which they are applied.

    Attributes:
        items: ``((remedy name, {dose name: value}), ...)``; empty for the untouched recipe.
    """

    items: tuple[tuple[str, Mapping[str, Any]], ...] = ()

    def __str__(self) -> str:
        """Return "scale-inputs(kind=standard) + learning-rate(rate=0.001)"."""
        return " + ".join(f"{name}({_spelled(dose)})" for name, dose in self.items) or "as it was"

    def __len__(self) -> int:
        """Return the number of remedies."""
        return len(self.items)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the remedies."""
        return tuple(name for name, _ in self.items)

    @property
    def key(self) -> str:
        """The same text for the same remedies and doses."""
        return json.dumps(self.items, sort_keys=True, default=str)

    def without(self, name: str) -> Prescription:
        """Return the prescription without one remedy."""
        return Prescription(tuple(item for item in self.items if item[0] != name))

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


def candidates(
    diagnoses: Sequence[Diagnosis], available: Sequence[Remedy], recipe: Recipe, dataset: Dataset
) -> list[Prescription]:
    """Return what to try before any sampling: each indicated remedy alone, then combinations.

    The textbook combination is the first dose of every indicated remedy that applies and is not
    excluded by one before it; the others leave one remedy of it out or take its second dose.

    Args:
        diagnoses: Most certain first; they say which remedies are indicated.
        available: Remedies that may be used.
        recipe: The untouched recipe.
        dataset: Rows the search trains on.
    """
    wanted = dict.fromkeys(remedy for d in diagnoses for remedy in remedies_for(d, available))
    indicated = [remedy for remedy in wanted if not (remedy.surgery and recipe.architecture.opaque)]
    doses: dict[str, list[Dose]] = {}
    for remedy in indicated:
        usable = [dose for dose in remedy.usual_doses(recipe, dataset) if applies(remedy, dose, recipe, dataset)]
        if usable:
            doses[remedy.name] = usable
    singles = [Prescription(((name, usable[0]),)) for name, usable in doses.items()]
    together: list[str] = []
    for remedy in indicated:
        if remedy.name in doses and not set(remedy.excludes) & set(together):
            together.append(remedy.name)
    textbook = Prescription(tuple((name, doses[name][0]) for name in together))
    combined = [textbook] if len(textbook) > 1 else []
    combined += list(_variants(textbook, doses, {remedy.name: remedy for remedy in indicated}))
    return list({p.key: p for p in [*singles, *combined]}.values())


def applies(remedy: Remedy, dose: Dose, recipe: Recipe, dataset: Dataset) -> bool:
    """Say whether a remedy has something to act on, at this dose."""
    try:
        remedy.apply(recipe, dataset, **dose)
    except NotApplicable:
        return False
    return True


def _variants(
    textbook: Prescription, doses: Mapping[str, list[Dose]], known: Mapping[str, Remedy]
) -> Iterator[Prescription]:
    for name in doses:  # An excluded remedy takes the place of what excludes it.
        if name not in textbook.names and len(textbook) > 1:
            kept = tuple(item for item in textbook.items if name not in known[item[0]].excludes)
            yield Prescription((*kept, (name, doses[name][0])))
    for name, usable in doses.items():
        if len(usable) > 1 and name in textbook.names and len(textbook) > 1:
            yield Prescription(tuple((n, usable[1] if n == name else dose) for n, dose in textbook.items))


def patch(prescription: Prescription, recipe: Recipe, dataset: Dataset, available: Iterable[Remedy]) -> str:
    """Return the lines of Python that make the same changes in the user's script.

    Args:
        prescription: What to apply.
        recipe: The untouched recipe.
        dataset: Rows it trains on.
        available: Remedies by whose names the prescription is read.
    """
    known = {remedy.name: remedy for remedy in available}
    lines, now, recompile = [], recipe, False
    for name, dose in prescription.items:
        lines.append(f"# {name}: {_spelled(dose)}")
        text = known[name].patch(now, dataset, **dose)
        lines += [text] if text else []
        recompile = recompile or known[name].recompiles
        now = known[name].apply(now, dataset, **dose)
    if recompile:
        lines.append(compile_line(now))
    return "\n".join(lines)


def _spelled(dose: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in dose.items())
