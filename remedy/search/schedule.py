"""The first half of a search: prescriptions are tried in a fixed order, then drawn by TPE.

One writer: this module owns the study (ask and tell); engines only train. Order: the untouched
recipe; what is plainly wrong; the first choice of every cause; single remedies and combinations; what
else improves the best so far; then TPE over remedies and doses. It ends early with a result that
leaves little to gain. Where time is short, everything is tried for a few epochs and the best third
goes on with the weights it has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from remedy.data.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.errors import NotApplicable
from remedy.prescription import Prescription, candidates, for_causes, foundation, indicated, usable
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.search.budget import FOR_CAUSES, WORTH, Pace
from remedy.search.halving import LONGER, go_on
from remedy.search.intensify import intensify
from remedy.search.local_search import improvements, tested_rate
from remedy.search.options import Attempt, Budget, Listener, Search
from remedy.search.stopping import Yardstick
from remedy.search.study import Study
from remedy.training.engines._base import Engine, Job, Outcome

WORTHWHILE = 0.02
"""Less than this above the untouched recipe is nothing to follow."""

MOST_MISSES = 20
"""Draws in a row that were tried already, after which the search has seen what there is."""


@dataclass
class Screening:
    """What was tried, and what is best so far.

    Attributes:
        pace: What a training may cost, and when a stage ends.
        yardstick: What is good enough to end a search.
        attempts: Everything tried, in order.
        study: Asks for prescriptions and is told what came of them.
        interrupted: True when the user pressed Ctrl-C.
        by_causes: The first choice for every cause that was found; it is given all epochs at once.
        certain: What every prescription holds: the remedies of errors that were plain before training.
        set_aside: What has been put to the proof: it did not hold, or held and left much to gain.
    """

    dataset: Dataset
    recipe: Recipe
    remedies: Sequence[Remedy]
    engine: Engine
    options: Search
    listener: Listener
    budget: Budget
    yardstick: Yardstick = field(default_factory=Yardstick)
    attempts: list[Attempt] = field(default_factory=list)
    study: Study = field(init=False)
    pace: Pace = field(init=False)
    interrupted: bool = False
    by_causes: Prescription | None = None
    certain: Prescription = field(default_factory=Prescription)
    set_aside: list[Prescription] = field(default_factory=list)
    _wanted: list[Remedy] = field(default_factory=list)
    _waiting: list[Prescription] = field(default_factory=list)
    _more: Iterator[Prescription] = field(default_factory=lambda: iter(()))
    _asked: dict[str, tuple[Any, Prescription]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Set the pace."""
        self.pace = Pace(self.budget, self.recipe.epochs, len(self.dataset.train))

    @property
    def baseline(self) -> Attempt:
        """The untouched recipe."""
        return self.attempts[0]

    def best(self) -> Attempt | None:
        """Return the best treated attempt; of ones that chance may have put in order that with fewest remedies.

        Attempts are compared that went on as long as any, or to their end, and those that were better after fewer
        epochs already: a lower score after three epochs says little beside one after nine. What has been put to the
        proof is left out.
        """
        tried = [a for a in self.attempts if len(a.prescription) and a.outcome.scores]
        alive = [a for a in tried if a.prescription not in self.set_aside]
        if not alive:
            return None
        alive = [a for a in alive if not a.outcome.stuck] or alive
        alive = [a for a in alive if a.outcome.stuck != "non-finite-loss"] or alive
        longest = max(min(len(a.outcome.scores), self.recipe.epochs) for a in alive)
        whole = max(a.score for a in alive if len(a.outcome.scores) >= longest)
        better = whole + self.yardstick.same
        tried = [a for a in alive if len(a.outcome.scores) >= longest or a.score > better]
        top = max(a.score for a in tried)
        return min(
            (a for a in tried if a.score >= top - self.yardstick.same), key=lambda a: (len(a.prescription), -a.score)
        )

    def worth_following(self, attempt: Attempt) -> bool:
        """Say whether an attempt is better than the untouched recipe by more than nothing."""
        return attempt.recipe is not None and attempt.score > self.baseline.score + WORTHWHILE

    def run(self, diagnoses: Sequence[Diagnosis], seconds_per_epoch: float | None) -> None:
        """Try everything that the budget allows; Ctrl-C ends it and keeps what is there.

        Args:
            diagnoses: What was found, most certain first.
            seconds_per_epoch: Of the untouched recipe on these rows; None where unknown.
        """
        self.pace.seconds_per_epoch = seconds_per_epoch
        self.certain = foundation(diagnoses, self.remedies, self.recipe, self.dataset)
        searched = [remedy for remedy in self.remedies if remedy.searched]
        self.study = Study(self.recipe, self.dataset, searched, self.options.seed, self.options.storage)
        try:
            self._begin(diagnoses)
            self._screen(self._seen(diagnoses))
        except KeyboardInterrupt:
            self.interrupted = True

    def again(self) -> None:
        """Search on, after the best was put to the proof, as long as the proof of another can be afforded.

        Without it the next best would be proven that there is, however little it may do.
        """
        best = self.best()
        like = best or next((a for a in self.attempts if a.prescription in self.set_aside[-1:] and a.recipe), None)
        if like is None or self.budget.timeout is None or (best is not None and self.yardstick.good(best)):
            return
        self.pace.until_proof_of(like)
        try:
            self._train_all()
        except KeyboardInterrupt:
            self.interrupted = True

    def _begin(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Try the untouched recipe, which tells what an epoch costs, and what was plain before training."""
        queue = [Prescription(), *candidates(diagnoses, self.remedies, self.recipe, self.dataset)]
        self.pace.plan(queue, self._alone)
        self.listener.stage("search", min(len(queue), self.options.trials))
        self.pace.brief()
        self._try(*self.study.ask(queue[0]), len(queue))
        self.pace.plan(queue, self._alone)
        if len(self.certain) and self.options.trials > 1:
            self._try(*self.study.ask(self.certain), len(queue) - 1)

    @property
    def _alone(self) -> int:
        """Remedies of a prescription that adds a single one to what is certain."""
        return len(self.certain) + 1

    def _seen(self, diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
        """Return what was found in the user's run and in the last attempt; the latter first where it treats already."""
        last = self.attempts[-1].outcome.diagnoses
        known = {d.code: d for d in (*last, *diagnoses)}
        order = (*last, *diagnoses) if len(self.certain) else (*diagnoses, *last)
        return [known[code] for code in dict.fromkeys(d.code for d in order)]

    def _screen(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Try what the diagnoses ask for, those of the foundation's own training included."""
        self._waiting = candidates(diagnoses, self.remedies, self.recipe, self.dataset)
        self.by_causes = for_causes(diagnoses, self.remedies, self.recipe, self.dataset)
        self.pace.plan(self._waiting, self._alone)
        mended = self.certain.apply(self.recipe, self.dataset, self.remedies)
        tested = tested_rate(
            self.certain,
            diagnoses,
            self.remedies,
            mended,
            self.dataset,
            lambda recipe: self.engine.suggest_rate(recipe, self.options.seed),
        )
        if tested is not None:
            self._waiting.insert(0, tested)
        self._wanted = indicated(diagnoses, self.remedies, mended, self.dataset)
        self._more = improvements(
            self.best,
            self._wanted,
            self.remedies,
            self.engine,
            self.dataset,
            self.options.seed,
            FOR_CAUSES * self.pace.timeout,
            self.certain.names,
        )
        self.listener.stage("search", self.options.trials)
        self._train_all()

    def _train_all(self) -> None:
        """Train what waits, then what improves the best, then what TPE draws, until the best stays the best."""
        tried = -1
        while tried < len(self.attempts):
            tried = len(self.attempts)
            for job, outcome in self.engine.run(self._jobs()):
                self._record(job, outcome)
            if not self.yardstick.excellent(self.best()):
                go_on(self)
            intensify(self)

    def _jobs(self) -> Iterator[Job]:
        """Give what to train next, by what came out so far, until the search is over."""
        misses, waiting = 0, self._waiting
        while len(self.attempts) + len(self._asked) < self.options.trials and misses < MOST_MISSES:
            best = self.best()
            combined = any(len(p) > self._alone for p in waiting)
            if (
                self.pace.over(best, self.baseline.score, bool(waiting))
                or self.yardstick.excellent(best)
                or (self.yardstick.good(best) and not combined)
                or self.yardstick.levelled_off(best, len(self.attempts))
            ):
                return
            if self._scarce(waiting) or self._works():
                waiting[:] = [p for p in waiting if len(p) > self._alone]
            chosen = waiting.pop(0) if waiting else next(self._more, None)
            if chosen is None and not self._wanted:
                return
            trial, prescription = self.study.ask(chosen, self._wanted)
            if chosen is None:
                prescription = usable(self.certain, prescription, self.remedies, self.recipe, self.dataset)
            job = self._job(trial, prescription, len(waiting) + 1)
            misses = 0 if job else misses + 1
            if job is not None:
                yield job

    def _works(self) -> bool:
        """Say whether a combination has set the network free: what a remedy does alone matters less from then on."""
        best = self.best()
        combined = any(len(a.prescription) > self._alone for a in self.attempts)
        return combined and best is not None and not best.outcome.stuck and best.score > self.baseline.score + WORTH

    def _scarce(self, waiting: Sequence[Prescription]) -> bool:
        """Say whether trying the next single remedy would leave no time for the first two combinations."""
        if not waiting or len(waiting[0]) > self._alone or len(waiting[-1]) <= self._alone:
            return False
        return self.pace.scarce(self.attempts)

    def _try(self, trial: Any, prescription: Prescription, waiting: int) -> None:
        """Train one prescription now."""
        job = self._job(trial, prescription, waiting)
        if job is not None:
            self._record(job, self.engine.train(job))

    def _job(self, trial: Any, prescription: Prescription, waiting: int) -> Job | None:
        """Return the training of a prescription; None, with the study told, for one that was there already.

        Args:
            trial: Optuna's.
            prescription: What to try.
            waiting: How many more are certain to be tried, this one included.
        """
        seen = next((a for a in self.attempts if _same(a, prescription)), None)
        if seen is not None:
            self.study.tell(trial, seen.outcome)
            return None
        try:
            recipe = prescription.apply(self.recipe, self.dataset, self.remedies)
        except NotApplicable as error:
            self._keep(trial, Attempt(len(self.attempts), prescription, None, Outcome(error=str(error))))
            return None
        twin = next((a for a in self.attempts if a.recipe is not None and a.recipe.digest == recipe.digest), None)
        if twin is not None or recipe.digest in self._asked:
            self.study.tell(
                trial, Outcome(error="the same recipe is trained already") if twin is None else twin.outcome
            )
            return None
        # A single remedy rarely cures what has several causes; time is better spent on combinations.
        whole = prescription == self.by_causes and self.budget.timeout is not None
        short = len(prescription) <= self._alone and prescription != self.certain
        share = self.pace.rung.epochs / self.recipe.epochs * (1 if short else LONGER)
        epochs = recipe.epochs if whole else min(recipe.epochs, max(1, round(share * recipe.epochs)))
        seconds = self.pace.most_seconds(prescription, waiting, whole)
        self._asked[recipe.digest] = trial, prescription
        deadline = self.budget.deadline(self.pace.shares.go_on)
        rows = 1.0 if whole else self.pace.rung.rows
        return Job(recipe, self.options.seed, epochs, recipe.digest, rows=rows, deadline=deadline, seconds=seconds)

    def _record(self, job: Job, outcome: Outcome) -> None:
        """Keep what came of a job; a leader trains on first."""
        trial, prescription = self._asked.pop(job.key)
        recipe = job.recipe
        if self._leads(job, outcome, self.pace.most_provable(prescription)):
            outcome = self._to_the_end(job, outcome)
        if cut := len(outcome.scores) < job.epochs and not outcome.stuck:
            prescription = prescription.shortened(recipe.epochs, len(outcome.scores))
            recipe = prescription.apply(self.recipe, self.dataset, self.remedies)
        rows = 1.0 if len(outcome.scores) > job.epochs else job.rows
        attempt = Attempt(len(self.attempts), prescription, recipe, outcome, job.key, rows, cut)
        self.pace.measure(attempt)
        self._keep(trial, attempt)

    def _keep(self, trial: Any, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.study.tell(trial, attempt.outcome)
        self.listener.step(str(attempt.prescription), attempt.outcome.score)
        self.listener.attempt(attempt)

    def _leads(self, job: Job, outcome: Outcome, most: float) -> bool:
        """Say whether a treated recipe is the best so far, and the rest of its epochs cost little, and all no more."""
        unfinished = job.epochs < job.recipe.epochs or job.rows < 1  # What time ended is not begun again.
        if not self.attempts or outcome.stuck or not outcome.scores or not unfinished:
            return False
        beaten = max(self.baseline.score + WORTHWHILE, best.score if (best := self.best()) else -math.inf)
        return outcome.scores[-1] > beaten and self.pace.rest_is_short(job, outcome, most)

    def _to_the_end(self, job: Job, outcome: Outcome) -> Outcome:
        """Let a leader train for all its epochs at once: what comes later has to beat a finished score."""
        again = self.engine.train(replace(job, epochs=job.recipe.epochs, rows=1.0, seconds=None))
        return replace(again, seconds=again.seconds + outcome.seconds) if again.scores else outcome


def _same(attempt: Attempt, prescription: Prescription) -> bool:
    """Say whether an attempt is what a prescription would be, more epochs than the time allowed then included."""
    return attempt.prescription.key == prescription.key or (
        attempt.cut and prescription.only_longer_than(attempt.prescription)
    )
