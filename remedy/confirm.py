"""The proof of a fix: the untouched and the treated recipe from fresh seeds, on rows that nothing was chosen by."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from remedy.dataset import Dataset
from remedy.engines._base import Job
from remedy.evidence import Evidence
from remedy.prescription import Prescription
from remedy.recipe import Recipe
from remedy.scores import Scorer, standard_error
from remedy.screening import Screening
from remedy.search import Attempt
from remedy.yardstick import LEARNT

FRESH_SEEDS = 3
CONFIRM_SHARE, BUILDING = 0.85, 0.3
"""Share of the remaining seconds that confirmation plans with, the rest being for tracing; and the seconds
that building a fresh network takes."""

LEAST = 0.02
"""However small the spread and however many the rows, a smaller lead is nothing to hand over."""

CHANCE = 0.05
"""Chance that a recipe which has learnt nothing passes for a fix, shared out among all that are put to the proof
on the same rows (Bonferroni): with 40 rows a lead of a single standard error means little."""

NEAR = 0.05
"""A recipe that never fails must come this near to the median of one that fails from some seeds only."""

ANOTHER_PROOF = 0.8
"""Share of the budget up to which the next best is reduced and confirmed where the best did not hold."""


@dataclass(frozen=True)
class Proof:
    """How the untouched and the treated recipe did on rows never trained on or chosen by.

    Attributes:
        baseline, treated: Scores over the same fresh seeds.
        margin: By how much the medians must differ: the larger half range over seeds, about 1.6 standard
            errors of the score on so few rows (more from proof to proof), or 0.02, whichever is most.
        constant: Score of the best constant answer, or None for a user's own objective.
        seeds: The seeds.
        epochs: Epochs that every training of the treated recipe was given.
        seen: Score of the untouched recipe in the search, on the rows that prescriptions were chosen by.
        rivals: Prescriptions that held on the same rows, of which this one did best.
        evidence: Of the untouched and of the treated training with the median score; None where there is none.
    """

    baseline: tuple[float, ...] = ()
    treated: tuple[float, ...] = ()
    margin: float = LEAST
    constant: float | None = None
    seeds: tuple[int, ...] = ()
    epochs: int = 0
    seen: float | None = None
    rivals: int = 1
    evidence: tuple[Evidence | None, Evidence | None] = (None, None)

    @property
    def score(self) -> float | None:
        """Median of the treated recipe."""
        return statistics.median(self.treated) if self.treated else None

    @property
    def baseline_score(self) -> float | None:
        """Median of the untouched recipe."""
        return statistics.median(self.baseline) if self.baseline else None

    @property
    def holds(self) -> bool:
        """True when the fix is better than the untouched recipe, and than a constant, by more than the margin.

        Also where the untouched recipe works from some seeds and fails from others, as it did for
        the user, and the treated one works from all.
        """
        return self.better or self.steadier

    @property
    def better(self) -> bool:
        """True when the median is higher than that of the untouched recipe and a constant by more than the margin."""
        if not self._complete:
            return False
        floor = -math.inf if self.constant is None else self.constant
        others = max(statistics.median(self.baseline), floor)
        return statistics.median(self.treated) > others + self.margin

    @property
    def failures(self) -> tuple[float, ...]:
        """Scores of the untouched recipe that are less than half way from a constant to the treated median.

        The search trained it from one more seed, which nobody had chosen for its failure either.
        """
        if self.constant is None or not self.treated:
            return ()
        half = (self.constant + statistics.median(self.treated)) / 2
        return tuple(score for score in (*self.baseline, self.seen) if score is not None and score < half)

    @property
    def steadier(self) -> bool:
        """True when some seeds of the untouched recipe fail, none of the treated, and the medians are alike."""
        if not self._complete or self.better or self.constant is None or not self.failures:
            return False
        median = statistics.median(self.treated)
        clear = median > self.constant + LEARNT * (1 - self.constant)
        alike = median >= statistics.median(self.baseline) - NEAR
        return clear and alike and min(self.treated) >= (self.constant + median) / 2

    @property
    def _complete(self) -> bool:
        return len(self.treated) >= FRESH_SEEDS and len(self.baseline) >= FRESH_SEEDS

    @property
    def best_seed(self) -> int:
        """The seed whose score is the median of the treated recipe."""
        return self.seeds[self.treated.index(statistics.median_low(self.treated))]


def prove(screening: Screening, prescription: Prescription, scorer: Scorer, proofs: int = 1) -> Proof:
    """Train the untouched and the treated recipe on fresh seeds and score both on the holdout rows.

    Both sides get the same epochs and the same rule: a training that the detectors are certain is
    stuck ends there. Whatever time the budget leaves is used.

    Args:
        screening: What was tried.
        prescription: What to prove.
        scorer: The objective.
        proofs: How many this one makes on the same rows; each has to be clearer than the last.
    """
    recipe = prescription.apply(screening.recipe, screening.dataset, screening.remedies)
    seeds = tuple(screening.options.seed + 1000 + i for i in range(FRESH_SEEDS))
    tried = screening.attempts
    ours, theirs = _seconds_per_epoch(tried, prescription), _seconds_per_epoch(tried, Prescription())
    # One screened epoch is mostly tracing; the run that was found stuck knows better what its epochs cost.
    theirs = min(theirs, screening.pace.seconds_per_epoch or theirs)
    seconds = max(0.1, CONFIRM_SHARE * screening.budget.left() / FRESH_SEEDS - 2 * BUILDING)
    # Where the untouched recipe is stuck again, the detectors end it as early as they did at first.
    planned = screening.recipe.epochs
    spared = min(screening.pace.certain_after or planned, planned)
    whole, other = ours * recipe.epochs, theirs * planned
    both = _share(seconds, whole + other)
    share = max(both, _share(seconds - theirs * spared, whole))
    screening.listener.stage("confirm", 2 * len(seeds))
    deadline = screening.budget.deadline()

    def job(side: str, chosen: Recipe, seed: int) -> Job:
        epochs = share * chosen.epochs + 1e-9
        key, whole = f"{side}-{seed}", max(1, math.floor(epochs))
        return Job(chosen, seed, whole, key, judge_by="holdout", rows=min(1.0, epochs), deadline=deadline)

    sides = {"treated": recipe, "untouched": screening.recipe}
    scores: dict[str, float] = {}
    seen: dict[str, Evidence] = {}
    for done, outcome in screening.engine.run(job(side, sides[side], seed) for seed in seeds for side in sides):
        screening.engine.forget(done.key)
        score = outcome.score
        if done.recipe is screening.recipe and score is None and outcome.error is not None:
            score = scorer.constant if scorer.constant is not None else -1.0
        if score is not None:
            scores[done.key] = score
            if outcome.evidence is not None:
                seen[done.key] = outcome.evidence
        screening.listener.step(done.key.replace("-", ", seed "), score)
    treated, untouched = ([scores[f"{side}-{seed}"] for seed in seeds if f"{side}-{seed}" in scores] for side in sides)
    return Proof(
        tuple(untouched),
        tuple(treated),
        _margin(screening.dataset, treated, untouched, proofs),
        scorer.constant,
        seeds,
        max(1, math.floor(share * recipe.epochs + 1e-9)),
        screening.baseline.score if math.isfinite(screening.baseline.score) else None,
        evidence=(_median(scores, seen, "untouched"), _median(scores, seen, "treated")),
    )


def _median(scores: Mapping[str, float], seen: Mapping[str, Evidence], side: str) -> Evidence | None:
    """Return the evidence of the training with the median score of a side."""
    keys = sorted((key for key in seen if key.startswith(f"{side}-")), key=lambda key: (scores[key], key))
    return seen[keys[(len(keys) - 1) // 2]] if keys else None


def _share(seconds: float, needed: float) -> float:
    """Return which share of trainings that take ``needed`` seconds fits into ``seconds``, 1 at most."""
    return 1.0 if needed <= 0 or seconds >= needed else max(0.0, seconds / needed)


def _seconds_per_epoch(attempts: list[Attempt], prescription: Prescription) -> float:
    """Return the median epoch of the attempts with these remedies, or of the nearest there is."""
    same = [a for a in attempts if set(a.prescription.names) == set(prescription.names) and a.outcome.evidence]
    chosen = same or [a for a in attempts if a.outcome.evidence]
    return statistics.median([a.seconds_per_epoch for a in chosen]) if chosen else 0.0


def _margin(dataset: Dataset, treated: list[float], untouched: list[float], proofs: int) -> float:
    spread = max((max(s) - min(s)) / 2 if s else 0.0 for s in (treated, untouched))
    error = 0.0 if dataset.holdout is None else standard_error(dataset.task, dataset.holdout.target)
    return max(spread, NormalDist().inv_cdf(1 - CHANCE / proofs) * error, LEAST)
