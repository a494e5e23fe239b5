"""Which difference made the result: recipes with one difference at a time are trained and scored side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from remedy.comparing.alignment import Aligned
from remedy.comparing.difference import Difference, Found, takes_ids
from remedy.comparing.network import Network
from remedy.comparing.transplant import takes_rows, transplanted
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import Scorer, class_ids, scorer_for, standard_error
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.search.confirmation import CHANCE
from remedy.search.proof import LEAST
from remedy.training.engines._base import Job
from remedy.training.engines.inline import InlineEngine

HALF = 0.5
"""Share of the gap that a single difference must bring about to be named as what made the result."""

NAMED = 60
"""Characters up to which a difference is named by what stands on both sides, and not by its place."""

OnTraining = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Trained:
    """The scores of one recipe on rows that it was not trained on.

    Attributes:
        what: "A", "B", "A with B's learning rate" ...
        scores: One a seed, in the order of the seeds.
        why_not: Why it could not be trained, or None.
    """

    what: str
    scores: tuple[float, ...] = ()
    why_not: str | None = None

    @property
    def mean(self) -> float | None:
        """Mean over seeds; None where it could not be trained."""
        return statistics.fmean(self.scores) if self.scores else None

    @property
    def spread(self) -> float:
        """Half the range over seeds."""
        return (max(self.scores) - min(self.scores)) / 2 if self.scores else 0.0


@dataclass(frozen=True)
class Verdict:
    """What the trainings say.

    Attributes:
        trained: A, B, and A with one difference at a time; B with one of A's where that said too little.
        conclusion: One sentence.
        score: What was measured, such as "balanced_accuracy".
    """

    trained: tuple[Trained, ...]
    conclusion: str
    score: str


def which_counts(
    aligned: Aligned,
    dataset: Dataset,
    seeds: Sequence[int],
    on_training: OnTraining | None = None,
    objective: Any = None,
) -> Verdict:
    """Train A, B, and A with every single difference of B, and say which one made the result.

    Where no difference brings half of the gap into A, B is also trained without each of them.

    Args:
        aligned: Two recipes side by side, compiled.
        dataset: Rows; a part is set aside, and all scores are those on that part after the last epoch.
        seeds: Every recipe is trained from each.
        on_training: Called with the name and the score of every training that has ended.
        objective: As for `remedy.data.scores.scorer_for`.
    """
    aligned, dataset = _one_coding(aligned, dataset)
    data = _set_aside(dataset)
    assert data.holdout is not None
    scorer = scorer_for(data.task, data.holdout.target, objective)
    shared = InlineEngine(data, scorer, ())

    def train(what: str, recipe: Recipe) -> Trained:
        scores = []
        # An engine keeps the start of a graph, and weights that a recipe brings are no part of it.
        engine = InlineEngine(data, scorer, ()) if recipe.kept_weights else shared
        for seed in seeds:
            job = Job(recipe, seed, recipe.epochs, f"{what}-{seed}", judge_by="holdout", stop_when_stuck=False)
            outcome = engine.train(job)
            engine.forget(job.key)
            if on_training is not None:
                on_training(f"{what}, seed {seed}", outcome.score)
            if outcome.score is None:
                return Trained(what, (), outcome.error or "no epoch was finished")
            scores.append(outcome.score)
        return Trained(what, tuple(scores))

    def exchanged(found: Found, back: bool) -> Trained:
        one, other = ("B", "A") if back else ("A", "B")
        what = f"{one} with {other}'s {named(found)}"
        try:
            return train(what, transplanted(aligned, found, back))
        except NotApplicable as error:
            return Trained(what, (), str(error))

    real = units(aligned)
    sides = train("A", aligned.a), train("B", aligned.b)
    outcome = Gap(*sides, _margin(sides, data))
    singles = [exchanged(found, False) for found in real] if len(real) > 1 and outcome.known else []
    backs: list[Trained] = []
    if singles and outcome.real and max(map(outcome.share, singles)) < HALF:
        backs = [exchanged(found, True) for found in real]
    conclusion = _conclude(real, outcome, singles, backs, scorer)
    if data.judged_on_training:
        conclusion += " Too few rows to set any aside: these are scores on the rows trained on."
    return Verdict((*sides, *singles, *backs), conclusion, scorer.name)


def units(aligned: Aligned) -> list[Found]:
    """Return the differences that are exchanged one at a time; an optimizer also together with its rate."""
    real = [found for found in aligned.found if not found.difference.same_function]
    both = [found for found in real if found.fields in (("optimizer",), ("learning_rate",))]
    if len(both) == 2 and len(real) > 2:
        texts = [", ".join(getattr(found.difference, side) for found in both) for side in ("a", "b")]
        known = Difference("optimizer and learning rate", texts[0], texts[1])
        real.append(Found(known, (), ("optimizer", "learning_rate")))
    return real


def named(found: Found) -> str:
    """Name a difference in a few words."""
    known = found.difference
    part = f"{known.part} and loss" if found.blocks and "loss" in found.fields else known.part
    return (
        f"{part} ({known.a} | {known.b})" if len(known.a) + len(known.b) <= NAMED else f"{part} {known.where}".strip()
    )


@dataclass(frozen=True)
class Gap:
    """The scores of A and B, and by how much they must differ to differ at all."""

    a: Trained
    b: Trained
    margin: float

    @property
    def known(self) -> bool:
        """Whether both could be trained."""
        return self.a.mean is not None and self.b.mean is not None

    @property
    def size(self) -> float:
        """How much better B is than A."""
        return (self.b.mean or 0.0) - (self.a.mean or 0.0) if self.known else 0.0

    @property
    def real(self) -> bool:
        """Whether the gap is larger than the spread over seeds and than chance brings about."""
        return abs(self.size) > self.margin

    def share(self, one: Trained, back: bool = False) -> float:
        """Return which share of the gap a difference brings into A (or takes from B); 0 where it was not trained."""
        if one.mean is None or not self.size:
            return 0.0
        return ((self.b.mean or 0.0) - one.mean if back else one.mean - (self.a.mean or 0.0)) / self.size


def _conclude(
    real: Sequence[Found], gap: Gap, singles: Sequence[Trained], backs: Sequence[Trained], scorer: Scorer
) -> str:
    """Say in one or two sentences what made the result."""
    if not gap.known:
        return " ".join(f"{side.what} could not be trained: {side.why_not}." for side in (gap.a, gap.b) if side.why_not)
    mine, other = gap.a.mean or 0.0, gap.b.mean or 0.0
    scores = f"{scorer.name} {mine:.3f} for A and {other:.3f} for B, mean of {len(gap.a.scores)} seeds"
    if not gap.real:
        text = f"A and B do not differ in the result beyond chance and the spread over seeds ({scores})"
        moved = [
            f"{named(found)} ({one.mean:.3f})"
            for found, one in zip(real, singles, strict=False)
            if one.mean is not None and abs(one.mean - mine) > gap.margin
        ]
        return f"{text}; alone, A is changed by {', '.join(moved)}." if moved else f"{text}."
    start = f"{'B' if gap.size > 0 else 'A'} does better ({scores})"
    if not real:
        return f"{start}, though nothing that was seen differs: look at what could not be compared."
    if len(real) == 1:
        return f"{start}, and {named(real[0])} is the only difference."
    order = sorted(range(len(singles)), key=lambda n: -gap.share(singles[n]))
    best = [n for n in order if gap.share(singles[n]) >= HALF]
    if best:
        one = singles[best[0]]
        text = f"{start}. Most of it comes from {named(real[best[0]])}: A with that alone has {one.mean:.3f}"
        also = [f"{named(real[n])} ({singles[n].mean:.3f})" for n in best[1:]]
        return f"{text}; so does, alone, {', '.join(also)}." if also else f"{text}."
    if backs:
        n = max(range(len(backs)), key=lambda n: gap.share(backs[n], True))
        if gap.share(backs[n], True) >= HALF:
            return (
                f"{start}. No single difference brings half of it into A, but B needs {named(real[n])}: "
                f"with A's it has {backs[n].mean:.3f}."
            )
    untried = [named(found) for found, one in zip(real, singles, strict=True) if one.why_not]
    text = f"{start}. No single difference makes half of it: they act together"
    return f"{text}, or it lies in what could not be exchanged alone: {', '.join(untried)}." if untried else f"{text}."


def _margin(sides: tuple[Trained, Trained], data: Dataset) -> float:
    error = 0.0 if data.holdout is None else standard_error(data.task, data.holdout.target)
    return max(sides[0].spread, sides[1].spread, NormalDist().inv_cdf(1 - CHANCE) * error, LEAST)


def _set_aside(dataset: Dataset) -> Dataset:
    """Set rows aside to score on; where the user gave no validation rows, those for choosing too: nothing is chosen."""
    data = dataset.for_search(0)
    if dataset.validation is not None or data.judged_on_training or data.validation is None or data.holdout is None:
        return data
    return replace(data, holdout=data.validation.with_rows(data.holdout))


def _one_coding(aligned: Aligned, dataset: Dataset) -> tuple[Aligned, Dataset]:
    """Turn labels into one-hot rows for both where one takes class ids and the other one-hot rows."""
    if takes_ids(aligned.a) == takes_ids(aligned.b):
        return aligned, dataset
    sides = [takes_rows(recipe) if takes_ids(recipe) else recipe for recipe in (aligned.a, aligned.b)]
    width = max([int(np.max(dataset.train.target)) + 1, *(_units(n) for n in aligned.networks or ())])

    def coded(rows: Rows | None) -> Rows | None:
        plain = rows is None or (rows.target.ndim > 1 and rows.target.shape[-1] > 1)
        return rows if rows is None or plain else replace(rows, y=np.eye(width, dtype="float32")[class_ids(rows.y)])

    train = coded(dataset.train)
    assert train is not None
    data = replace(dataset, train=train, validation=coded(dataset.validation))
    return replace(aligned, a=sides[0], b=sides[1]), data


def _units(network: Network) -> int:
    head = network.head
    return int(network.steps[head].spec.get("units") or 0) if head < len(network.steps) else 0
