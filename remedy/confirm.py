"""From the best attempt to a fix: the smallest set that keeps the score, proven on fresh seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from remedy.dataset import Dataset
from remedy.engines._base import Job, Outcome
from remedy.errors import NotApplicable
from remedy.prescription import Change, Prescription
from remedy.recipe import Recipe
from remedy.scores import Scorer, standard_error
from remedy.screening import Screening
from remedy.search import Attempt
from remedy.yardstick import LEARNT

FRESH_SEEDS = 3
SLACK, SHARE = 0.02, 0.05
"""Remedies that may be left out together for less than this on the validation rows, or for less than this share of
what all of them gained, are not worth their lines ..."""

SLOWER = 1.25
"""... unless training takes this much longer an epoch without it."""

CONFIRM_SHARE, BUILDING = 0.85, 0.3
"""Share of the remaining seconds that confirmation plans with, the rest being for tracing; and the seconds
that building a fresh network takes."""

CHANCE = 0.05
"""Chance that a recipe which has learnt nothing passes for a fix, shared out among all that are put to the proof
on the same rows (Bonferroni): with 40 rows a lead of a single standard error means little."""

NEAR = 0.05
"""A recipe that never fails must come this near to the median of one that fails from some seeds only."""

MANY = 4
"""Remedies from which on half of them are dropped at a time."""

ANOTHER_PROOF = 0.8
"""Share of the budget up to which the next best is reduced and confirmed where the best did not hold."""

REDUCE_AFTER = 1 / 3
"""Share of the planned epochs after which the absence of a remedy may be judged. Earlier, little shows:
heavy dropout passed as harmless after three epochs of the ECG example, and then held the full training back."""


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
    """

    baseline: tuple[float, ...] = ()
    treated: tuple[float, ...] = ()
    margin: float = SLACK
    constant: float | None = None
    seeds: tuple[int, ...] = ()
    epochs: int = 0
    seen: float | None = None

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


@dataclass
class Reduction:
    """The smallest prescription found, and what each remedy is worth."""

    prescription: Prescription
    lost: dict[str, float] = field(default_factory=dict)


def reduce(screening: Screening, best: Attempt, disproved: Sequence[Prescription] = ()) -> Reduction:
    """Drop remedies one at a time, costly ones and then the last wanted first, while the validation score stays.

    Of many the later half is dropped at once, if it may go. Every try trains as long as the best
    attempt did, or as long as the time allows, but never shorter than `REDUCE_AFTER`; it is compared
    with the best attempt after equally many epochs from the same seed. What could not be examined in time stays.

    Args:
        screening: What was tried; its engine and budget are used.
        best: The attempt to make smaller.
        disproved: What did not hold before; where dropping leads there again, what was left out was needed.
    """
    smallest = _reduced(screening, best)
    return Reduction(best.prescription) if smallest.prescription in disproved else smallest


def _reduced(screening: Screening, best: Attempt) -> Reduction:
    result = Reduction(best.prescription)
    sure = screening.certain.names  # What is plainly wrong is mended, whatever the score says.
    names = [n for n in best.prescription.names if n not in sure and not _speeds_up(screening, n)]
    costly = {remedy.name for remedy in screening.remedies if remedy.costly}
    names.sort(key=costly.__contains__)
    if len(best.prescription) < 2 or not names:
        return result
    per_epoch, longest = _epoch_seconds(best.outcome), len(best.outcome.scores)
    epochs = _affordable(screening.budget.left(screening.shares.reduce), 1.5 * len(names) * per_epoch, longest)
    epochs = max(epochs, min(longest, math.ceil(REDUCE_AFTER * screening.recipe.epochs)))
    kept_score = best.outcome.scores[epochs - 1]
    screening.listener.stage("reduce", len(names))
    gained = kept_score - max(0.0, screening.baseline.score)
    enough = kept_score - max(SLACK, screening.yardstick.same, SHARE * gained)

    def drop(these: Sequence[str]) -> bool:
        """Take remedies out if the score stays; say whether it was measured and stayed."""
        smaller = result.prescription
        for name in these:
            smaller = smaller.without(name)
        outcome, planned = _outcome_of(screening, smaller, epochs)
        score = outcome.scores[planned - 1] if len(outcome.scores) >= planned else None
        if score is None and outcome.stuck:
            score = outcome.score
        screening.listener.step(f"without {', '.join(these)}", score)
        if score is None:
            return False
        stays = score >= enough and _epoch_seconds(outcome) <= SLOWER * per_epoch
        if stays:
            result.prescription = smaller
        elif len(these) == 1:
            result.lost[these[0]] = kept_score - score
        return stays

    def enough_time() -> bool:
        left = screening.budget.left()
        proof = screening.proof_seconds(best)
        late = left - per_epoch * epochs < proof < left
        return screening.budget.left(screening.shares.reduce) >= per_epoch * epochs and not late

    half = names[len(names) // 2 :]
    if len(names) >= MANY and enough_time() and drop(half):
        names = [name for name in names if name not in half]
    for name in reversed(names):
        if not enough_time() or len(result.prescription) == 1:
            break
        drop([name])
    return result


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
    theirs = min(theirs, screening.seconds_per_epoch or theirs)
    seconds = max(0.1, CONFIRM_SHARE * screening.budget.left() / FRESH_SEEDS - 2 * BUILDING)
    # Where the untouched recipe is stuck again, the detectors end it as early as they did at first.
    planned = screening.recipe.epochs
    spared = min(screening.certain_after or planned, planned)
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
    for done, outcome in screening.engine.run(job(side, sides[side], seed) for seed in seeds for side in sides):
        screening.engine.forget(done.key)
        score = outcome.score
        if done.recipe is screening.recipe and score is None and outcome.error is not None:
            score = scorer.constant if scorer.constant is not None else -1.0
        if score is not None:
            scores[done.key] = score
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
    )


def changes(screening: Screening, reduction: Reduction) -> tuple[Change, ...]:
    """Return the table of changes of a fix: what was, what is, and what each remedy is worth."""
    known = {remedy.name: remedy for remedy in screening.remedies}
    alone: Mapping[str, float] = {
        a.prescription.names[0]: a.outcome.scores[i] - screening.baseline.outcome.scores[i]
        for a in screening.attempts
        if len(a.prescription) == 1
        and (i := min(len(a.outcome.scores), len(screening.baseline.outcome.scores)) - 1) >= 0
    }
    rows, now = [], screening.recipe
    for name, dose in reduction.prescription.items:
        after = known[name].apply(now, screening.dataset, **dose)
        before_text, after_text = known[name].describe(now, after)
        rows.append(Change(name, before_text, after_text, alone.get(name), reduction.lost.get(name)))
        now = after
    return tuple(rows)


def _outcome_of(screening: Screening, prescription: Prescription, epochs: int) -> tuple[Outcome, int]:
    """Return what came of a prescription after so many epochs, or after all that it plans if those are fewer."""
    try:
        recipe = prescription.apply(screening.recipe, screening.dataset, screening.remedies)
    except NotApplicable as error:
        return Outcome(error=str(error)), epochs
    epochs = min(epochs, recipe.epochs)
    seen = next((a for a in screening.attempts if a.prescription.key == prescription.key), None)
    if seen is not None and (len(seen.outcome.scores) >= epochs or seen.outcome.stuck):
        return seen.outcome, epochs
    key = f"without-{prescription.key}"
    deadline = screening.budget.deadline(screening.shares.reduce)
    outcome = screening.engine.train(Job(recipe, screening.options.seed, epochs, key, deadline=deadline))
    screening.engine.forget(key)
    return outcome, epochs


def _speeds_up(screening: Screening, name: str) -> bool:
    """Say whether a remedy by itself makes an epoch of the untouched recipe clearly shorter."""
    alone = next((a for a in screening.attempts if a.prescription.names == (name,)), None)
    before = _epoch_seconds(screening.baseline.outcome)
    return alone is not None and 0 < SLOWER * _epoch_seconds(alone.outcome) < before


def _epoch_seconds(outcome: Outcome) -> float:
    """Return the median time of an epoch; the first one, which traces, is left out where there are more."""
    seconds = (outcome.evidence.seconds or ()) if outcome.evidence else ()
    return statistics.median(seconds[1:] or seconds) if seconds else 0.0


def _share(seconds: float, needed: float) -> float:
    """Return which share of trainings that take ``needed`` seconds fits into ``seconds``, 1 at most."""
    return 1.0 if needed <= 0 or seconds >= needed else max(0.0, seconds / needed)


def _affordable(seconds: float, seconds_per_epoch: float, most: int) -> int:
    if not math.isfinite(seconds) or seconds_per_epoch <= 0:
        return most
    return max(1, min(most, int(seconds / seconds_per_epoch)))


def _seconds_per_epoch(attempts: list[Attempt], prescription: Prescription) -> float:
    """Return the median epoch of the attempts with these remedies, or of the nearest there is."""
    same = [a for a in attempts if set(a.prescription.names) == set(prescription.names) and a.outcome.evidence]
    chosen = same or [a for a in attempts if a.outcome.evidence]
    return statistics.median([a.seconds_per_epoch for a in chosen]) if chosen else 0.0


def _margin(dataset: Dataset, treated: list[float], untouched: list[float], proofs: int) -> float:
    spread = max((max(s) - min(s)) / 2 if s else 0.0 for s in (treated, untouched))
    error = 0.0 if dataset.holdout is None else standard_error(dataset.task, dataset.holdout.target)
    return max(spread, NormalDist().inv_cdf(1 - CHANCE / proofs) * error, SLACK)
