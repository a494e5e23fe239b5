"""Prescription: remedies and their doses, and which to try for a diagnosis."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import compile_line, with_surgery
from remedy.remedies._backbone import head_first_lines
from remedy.remedies._base import Remedy
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
    lines = (
        with_surgery(lines, recipe) + in_front + [*scaling, *([scaling_patch(now, dataset.nested)] if scaling else [])]
    )
    if recompile:
        lines.append(compile_line(now))
    if now.warm_up:
        lines.append(head_first_lines(now))
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
