"""From the best attempt to the smallest set of remedies that keeps its score."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.prescription import Change, Prescription
from remedy.search.attempts import Attempt, epoch_seconds
from remedy.search.context import SearchContext
from remedy.search.intensify import other_seeds
from remedy.search.stopping import SHARE
from remedy.training.engines._base import Job, Outcome

SLACK = 0.02
"""Remedies that may be left out together for less than this on the validation rows, for less than `SHARE` of what
all of them gained, or for less than one standard error of the score are not worth their lines (the one-standard-error
rule: Breiman, Friedman, Olshen and Stone, "Classification and Regression Trees", 1984, section 3.4.3) ..."""

SLOWER = 1.5
"""... unless an epoch takes so many times as long without it: by more than what other programs on the machine do."""

NOISE = 1.0
"""Less than so many seconds of a whole training are nobody's gain: a start of a process, a collection of garbage."""

MANY = 4
"""Remedies from which on half of them are dropped at a time."""

JUDGED_AFTER, SETTLED = 1 / 3, 0.9
"""Share of the planned epochs, and share of what the best has gained in the end, after which the absence of a remedy
may be judged. Earlier, little shows: heavy dropout passed as harmless after three epochs of the ECG example, and
then held the full training back."""


@dataclass
class Reduction:
    """The smallest prescription found, and what each remedy is worth."""

    prescription: Prescription
    lost: dict[str, float] = field(default_factory=dict)
    alone: dict[str, float] = field(default_factory=dict)


def reduce(
    context: SearchContext,
    best: Attempt,
    disproved: Sequence[Prescription] = (),
    certain: Collection[str] = (),
) -> Reduction:
    """Drop remedies one at a time, costly ones and then the last wanted first, while the validation score stays.

    Of many the later half is dropped at once, if it may go. Every try trains as long as the best
    attempt did, or as long as the time allows, but never shorter than `JUDGED_AFTER` and `SETTLED` say; it is
    compared with the best attempt after equally many epochs from the same seeds. What could not be examined
    in time stays.

    Args:
        context: Of the search; its engine and budget are used.
        best: The attempt to make smaller.
        disproved: What did not hold before; where dropping leads there again, what was left out was needed.
        certain: Remedies of errors that were certain before training. Few validation rows do not miss them, new rows
            will: they are dropped only where the score is better without.
    """
    smallest = _reduced(context, best, certain)
    return Reduction(best.prescription) if smallest.prescription in disproved else smallest


def _reduced(context: SearchContext, best: Attempt, certain: Collection[str]) -> Reduction:
    result = Reduction(best.prescription)
    names = [n for n in best.prescription.names if not _speeds_up(context, n)]
    costly = {remedy.name for remedy in context.remedies if remedy.costly}
    names.sort(key=costly.__contains__)
    if len(best.prescription) < 2 or not names:
        return result
    seeds = (context.options.seed, *other_seeds(context, best))
    per_epoch = epoch_seconds(best.outcome)
    end = _until_proof(context, best)
    affordable = _affordable(end(), SLOWER * len(names) * len(seeds) * per_epoch, len(best.outcome.scores))
    epochs = max(affordable, _least_epochs(context, best))
    kept = [_after(outcome, epochs) for outcome in (best.outcome, *best.others)]
    slack = _slack(context, kept[0])
    if max(kept) - min(kept) <= slack:
        seeds = seeds[:1]  # Where all seeds agree, one tells.
    each = per_epoch * epochs + context.pace.building
    if each * len(names) * len(seeds) > end():
        seeds = seeds[:1]  # One measured from a single seed says more than several that are not measured at all.
    context.listener.stage("reduce", len(names))

    def drop(these: Sequence[str]) -> bool:
        """Take remedies out if the score stays; say whether it was measured and stayed."""
        smaller = result.prescription
        for name in these:
            smaller = smaller.without(name)
        scores: list[float] = []
        slower = False
        for seed in seeds:
            most = min(max(NOISE, SLOWER * per_epoch * epochs) if per_epoch else math.inf, max(0.0, end()))
            outcome, planned = _outcome_of(context, smaller, epochs, seed, most)
            slower = slower or _is_slower(context, epoch_seconds(outcome), per_epoch)
            if not outcome.in_full(planned) and not outcome.stuck:
                break
            scores.append(_after(outcome, planned))
            if statistics.fmean(scores) < statistics.fmean(kept[: len(scores)]) - slack:
                break
        context.listener.step(f"without {', '.join(these)}", statistics.fmean(scores) if scores else None)
        if not scores:
            return False
        lost = statistics.fmean(kept[: len(scores)]) - statistics.fmean(scores)
        spare = lost < 0 if any(name in certain for name in these) else lost <= slack
        if stays := spare and not slower and len(scores) == len(seeds):
            result.prescription = smaller
        elif len(these) == 1:
            result.lost[these[0]] = lost
        return stays

    def enough_time() -> bool:
        return end() >= each * len(seeds)

    half = [name for name in names[len(names) // 2 :] if name not in certain]
    if len(names) >= MANY and half and enough_time() and drop(half):
        names = [name for name in names if name not in half]
    for name in reversed(names):
        if not enough_time() or len(result.prescription) == 1:
            break
        drop([name])
    if len(result.prescription) > 1:
        _measure_alone(context, result, epochs, each, end)
    return result


def _is_slower(context: SearchContext, without: float, per_epoch: float) -> bool:
    """Say whether a whole training takes clearly longer without a remedy, given the seconds of an epoch."""
    return without > SLOWER * per_epoch and (without - per_epoch) * context.recipe.epochs > NOISE


def _slack(context: SearchContext, score: float) -> float:
    """Return how much of a score a remedy must be worth to stay."""
    if not context.rule.bounded:  # A loss has a scale of its own.
        return SLACK * abs(score)
    gained = score - max(0.0, context.ledger.baseline.score)
    return max(SLACK, context.rule.error_at(score), SHARE * gained)


def _measure_alone(
    context: SearchContext, result: Reduction, epochs: int, each: float, end: Callable[[], float]
) -> None:
    """Train with one remedy alone, as many at a time as the engine takes, and write down what each gains.

    Args:
        context: Of the search.
        result: The reduced prescription, and where what is found is written.
        epochs: Of a training, if it plans so many.
        each: Seconds that one is likely to take.
        end: Says how many seconds are left.
    """
    unknown = [item for item in result.prescription.items if _alone(context, item[0]) is None]
    before = context.ledger.baseline.outcome.scores
    names: dict[str, str] = {}

    def jobs() -> Iterator[Job]:
        for item in unknown:
            single = Prescription((item,))
            if end() < each:
                return
            try:
                recipe = single.apply(context.recipe, context.dataset, context.remedies)
            except NotApplicable:
                continue
            key, deadline = f"alone-{single.key}", context.budget.deadline()
            names[key] = item[0]
            yield Job(recipe, context.options.seed, min(epochs, recipe.epochs), key, deadline=deadline, seconds=end())

    for job, outcome in context.engine.run(jobs()):
        context.engine.forget(job.key)
        if before and outcome.scores and (outcome.in_full(job.epochs) or outcome.stuck):
            at = min(len(outcome.scores), len(before), job.epochs) - 1
            result.alone[names[job.key]] = outcome.scores[at] - before[at]
        context.listener.step(f"{names[job.key]} alone", outcome.score)


def _until_proof(context: SearchContext, best: Attempt) -> Callable[[], float]:
    """Return how to ask for the seconds that are left but for the proof; where that is past paying, for one seed of it.

    Of a slow program a few remedies too many with one seed of both sides say more than fewer without any.
    """
    proof = context.pace.proof_seconds(best)
    if context.budget.left() < proof:
        proof = context.pace.proof_seconds(best, seeds=1)
    return lambda: context.budget.left() - proof


def changes(context: SearchContext, reduction: Reduction, dataset: Dataset) -> tuple[Change, ...]:
    """Return the table of changes of a fix: what was, what is, and what each remedy is worth.

    Args:
        context: Of the search.
        reduction: The smallest set, with what was measured of it.
        dataset: The user's own rows, by which the doses of the patch are fitted, too.
    """
    known = {remedy.name: remedy for remedy in context.remedies}
    rows, now = [], context.recipe
    for name, dose in reduction.prescription.items:
        after = known[name].apply(now, dataset, **dose)
        before_text, after_text = known[name].describe(now, after)
        alone = reduction.alone.get(name, _alone(context, name))
        rows.append(Change(name, before_text, after_text, alone, reduction.lost.get(name)))
        now = after
    return tuple(rows)


def _alone(context: SearchContext, name: str) -> float | None:
    """Return what the score gained by one remedy over the untouched recipe, after as many epochs; None if untried."""
    before = context.ledger.baseline.outcome.scores
    for attempt in context.ledger:
        at = min(len(attempt.outcome.scores), len(before)) - 1
        if attempt.prescription.names == (name,) and at >= 0:
            return attempt.outcome.scores[at] - before[at]
    return None


def _least_epochs(context: SearchContext, best: Attempt) -> int:
    """Return after how many epochs the best attempt had nearly all that it gained in the end."""
    scores = best.outcome.scores
    start = max(0.0, context.ledger.baseline.score)
    nearly = start + SETTLED * (scores[-1] - start)
    settled = next((epoch for epoch, score in enumerate(scores, start=1) if score >= nearly), len(scores))
    return max(settled, min(len(scores), math.ceil(JUDGED_AFTER * context.recipe.epochs)))


def _after(outcome: Outcome, epochs: int) -> float:
    """Return the score after so many epochs, or after the last where the detectors ended it before."""
    return outcome.scores[min(epochs, len(outcome.scores)) - 1] if outcome.scores else -math.inf


def _outcome_of(
    context: SearchContext, prescription: Prescription, epochs: int, seed: int, seconds: float
) -> tuple[Outcome, int]:
    """Return what came of a prescription after so many epochs, or after all that it plans if those are fewer.

    What takes longer than so many seconds is broken off: a remedy that saves so much time stays, and the time for the
    proof is not spent on its absence.
    """
    try:
        recipe = prescription.apply(context.recipe, context.dataset, context.remedies)
    except NotApplicable as error:
        return Outcome(error=str(error)), epochs
    epochs = min(epochs, recipe.epochs)
    first = seed == context.options.seed
    seen = next((a for a in context.ledger if a.prescription.key == prescription.key), None)
    if first and seen is not None and (len(seen.outcome.scores) >= epochs or seen.outcome.stuck):
        return seen.outcome, epochs
    key = f"without-{prescription.key}-{seed}"
    deadline = context.budget.deadline()
    outcome = context.engine.train(Job(recipe, seed, epochs, key, deadline=deadline, seconds=seconds))
    context.engine.forget(key)
    return outcome, epochs


def _speeds_up(context: SearchContext, name: str) -> bool:
    """Say whether a remedy by itself makes an epoch of the untouched recipe clearly shorter."""
    alone = next((a for a in context.ledger if a.prescription.names == (name,)), None)
    before = epoch_seconds(context.ledger.baseline.outcome)
    return alone is not None and 0 < SLOWER * epoch_seconds(alone.outcome) < before


def _affordable(seconds: float, seconds_per_epoch: float, most: int) -> int:
    if not math.isfinite(seconds) or seconds_per_epoch <= 0:
        return most
    return max(1, min(most, int(seconds / seconds_per_epoch)))
