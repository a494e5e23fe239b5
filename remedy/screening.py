"""The first half of a search: prescriptions are tried in a fixed order, then drawn by TPE.

One writer: this module owns the study (ask and tell); engines only train. Order: the untouched
recipe; what is plainly wrong; the first choice of every cause; single remedies and combinations; what
else improves the best so far; then TPE over remedies and doses. It ends early with a result that
leaves little to gain. Where time is short, everything is tried for a few epochs and the best third
goes on with the weights it has.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from remedy.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.engines._base import Engine, Job, Outcome
from remedy.errors import NotApplicable
from remedy.improvements import improvements
from remedy.prescription import Prescription, candidates, for_causes, foundation, indicated, usable
from remedy.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.rungs import LONGER, Rung, go_on
from remedy.search import Attempt, Budget, Listener, Search, Shares
from remedy.study import Study
from remedy.yardstick import Yardstick

RUSH = 0.12
"""Share of the budget that the rest of a leader's epochs may cost to be trained at once."""

FOR_CAUSES = 0.2
"""Share of the budget for training, to its end, what the causes ask for."""

PROVABLE = 0.13
"""Share of the budget that a training with more epochs may take: a proof repeats it three times."""

LEAST_SECONDS_A_TRIAL = 1.5
"""A new model costs about this much before its first step, so a shorter trial saves nothing."""

FIRST = 8
"""Candidates that a first look must have time for; a search rarely needs more of them."""

WORTH, HALF = 0.1, 0.5
"""A best attempt that is so much better than the untouched recipe is not given up for want of time to confirm
it, unless confirming would take more than half of the budget."""

TO_MEASURE = 3
"""Epochs of the untouched recipe that tell what an epoch costs, where it is not known: the first one traces."""

MOST_MISSES = 20
"""Draws in a row that were tried already, after which the search has seen what there is."""


@dataclass
class Screening:
    """What was tried, and what is best so far.

    Attributes:
        yardstick: What is good enough to end a search.
        attempts: Everything tried, in order.
        rung: What single remedies are given at first.
        study: Asks for prescriptions and is told what came of them.
        interrupted: True when the user pressed Ctrl-C.
        seconds_per_epoch: Of the untouched recipe, where known.
        certain_after: Epochs after which the detectors were certain of the untouched recipe.
        by_causes: The first choice for every cause that was found; it is given all epochs at once.
        certain: What every prescription holds: the remedies of errors that were plain before training.
        shares: When the stages end.
        disproved: What did not hold on fresh seeds.
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
    rung: Rung = field(default_factory=Rung)
    study: Study = field(init=False)
    interrupted: bool = False
    certain_after: int = 0
    seconds_per_epoch: float | None = None
    by_causes: Prescription | None = None
    certain: Prescription = field(default_factory=Prescription)
    shares: Shares = field(default_factory=Shares)
    disproved: list[Prescription] = field(default_factory=list)
    _wanted: list[Remedy] = field(default_factory=list)
    _asked: dict[str, tuple[Any, Prescription]] = field(default_factory=dict)

    @property
    def baseline(self) -> Attempt:
        """The untouched recipe."""
        return self.attempts[0]

    def best(self) -> Attempt | None:
        """Return the best treated attempt; of ones that chance may have put in order that with fewest remedies.

        Only attempts that went on as long as any, or to their end, are compared: the others lost to
        these already, and a score after three epochs says little beside one after nine. What has been
        disproved on fresh seeds is left out.
        """
        tried = [a for a in self.attempts if len(a.prescription) and a.outcome.scores]
        alive = [a for a in tried if a.prescription not in self.disproved]
        if not alive:
            return None
        alive = [a for a in alive if not a.outcome.stuck] or alive
        alive = [a for a in alive if a.outcome.stuck != "non-finite-loss"] or alive
        longest = max(min(len(a.outcome.scores), self.recipe.epochs) for a in alive)
        tried = [a for a in alive if len(a.outcome.scores) >= longest]
        top = max(a.score for a in tried)
        return min(
            (a for a in tried if a.score >= top - self.yardstick.same), key=lambda a: (len(a.prescription), -a.score)
        )

    def run(self, diagnoses: Sequence[Diagnosis], seconds_per_epoch: float | None) -> None:
        """Try everything that the budget allows; Ctrl-C ends it and keeps what is there.

        Args:
            diagnoses: What was found, most certain first.
            seconds_per_epoch: Of the untouched recipe on these rows; None where unknown.
        """
        self.seconds_per_epoch = seconds_per_epoch
        self.certain_after = next((d.epoch for d in diagnoses if d.severity == "error" and d.epoch), self.recipe.epochs)
        self.certain = foundation(diagnoses, self.remedies, self.recipe, self.dataset)
        searched = [remedy for remedy in self.remedies if remedy.searched]
        self.study = Study(self.recipe, self.dataset, searched, self.options.seed, self.options.storage)
        try:
            self._begin(diagnoses)
            self._screen(self._seen(diagnoses))
            if not self.yardstick.excellent(self.best()):
                go_on(self)
        except KeyboardInterrupt:
            self.interrupted = True

    def _begin(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Try the untouched recipe, which tells what an epoch costs, and what was plain before training."""
        queue = [Prescription(), *candidates(diagnoses, self.remedies, self.recipe, self.dataset)]
        self._plan(queue)
        self.listener.stage("search", min(len(queue), self.options.trials))
        if self.seconds_per_epoch is None:
            self.rung = Rung(min(self.rung.epochs, TO_MEASURE), self.rung.rows)
        self._try(*self.study.ask(queue[0]), len(queue))
        self._plan(queue)
        if len(self.certain) and self.options.trials > 1:
            self._try(*self.study.ask(self.certain), len(queue) - 1)

    def _seen(self, diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
        """Return what was found in the user's run and in the last attempt; the latter first where it treats already."""
        last = self.attempts[-1].outcome.diagnoses
        known = {d.code: d for d in (*last, *diagnoses)}
        order = (*last, *diagnoses) if len(self.certain) else (*diagnoses, *last)
        return [known[code] for code in dict.fromkeys(d.code for d in order)]

    def _measure(self, attempt: Attempt) -> None:
        """Learn what an epoch costs, where it is not known; the first one, which traces, says little."""
        timed = attempt.timed
        if self.seconds_per_epoch is None and (len(timed) > 1 or self.recipe.epochs == 1):
            self.seconds_per_epoch = attempt.seconds_per_epoch
        elif self.seconds_per_epoch is not None and not self.attempts and len(timed) > 1:
            # The user's own training also logged and validated.
            self.seconds_per_epoch = min(self.seconds_per_epoch, attempt.seconds_per_epoch)

    def _plan(self, queue: Sequence[Prescription]) -> None:
        """Share the time out: how long to screen, and how many epochs each at first."""
        if self.seconds_per_epoch:
            # Confirming trains both sides three times, dropping remedies the treated one about twice.
            whole = self.seconds_per_epoch * self.recipe.epochs
            needed = (6.0 + 3.0 * self.certain_after / self.recipe.epochs) * whole + 6 * LEAST_SECONDS_A_TRIAL
            self.shares = Shares.that_leave(needed, self.options.timeout)
        self.rung = self._first_rung(queue)

    def _screen(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Try what the diagnoses ask for, those of the foundation's own training included."""
        waiting = candidates(diagnoses, self.remedies, self.recipe, self.dataset)
        self.by_causes = for_causes(diagnoses, self.remedies, self.recipe, self.dataset)
        self._plan(waiting)
        mended = self.certain.apply(self.recipe, self.dataset, self.remedies)
        self._wanted = indicated(diagnoses, self.remedies, mended, self.dataset)
        self.listener.stage("search", self.options.trials)
        self._train_all(waiting)

    def again(self) -> None:
        """Search on, after the best did not hold, as long as the proof of another can be afforded.

        Without it the next best would be proven that there is, however little it may do.
        """
        best, timeout = self.best(), self.options.timeout
        if best is None or timeout is None or self.yardstick.good(best):
            return
        end = 1 - (1.2 * self.proof_seconds(best) + 3 * LEAST_SECONDS_A_TRIAL) / timeout
        self.shares = Shares(end, end, max(end, self.shares.reduce))
        try:
            self._train_all([])
        except KeyboardInterrupt:
            self.interrupted = True

    def _train_all(self, waiting: list[Prescription]) -> None:
        """Train what waits, then what else improves the best, then what TPE draws, until the search is over."""
        most, seed = FOR_CAUSES * (self.options.timeout or math.inf), self.options.seed
        more = improvements(self.best, self._wanted, self.remedies, self.engine, self.dataset, seed, most)
        for job, outcome in self.engine.run(self._jobs(waiting, more)):
            self._record(job, outcome)

    def _jobs(self, waiting: list[Prescription], more: Iterator[Prescription]) -> Iterator[Job]:
        """Give what to train next, by what came out so far, until the search is over."""
        misses = 0
        while len(self.attempts) + len(self._asked) < self.options.trials and misses < MOST_MISSES:
            best = self.best()
            combined = any(len(p) > len(self.certain) + 1 for p in waiting)
            if (
                self._over(bool(waiting))
                or self.yardstick.excellent(best)
                or (self.yardstick.good(best) and not combined)
                or self.yardstick.levelled_off(best, len(self.attempts))
            ):
                return
            if self._scarce(waiting) or self._works():
                waiting = [p for p in waiting if len(p) > len(self.certain) + 1]
            chosen = waiting.pop(0) if waiting else next(more, None)
            if chosen is None and not self._wanted:
                return
            trial, prescription = self.study.ask(chosen, self._wanted)
            if chosen is None:
                prescription = usable(self.certain, prescription, self.remedies, self.recipe, self.dataset)
            job = self._job(trial, prescription, len(waiting) + 1)
            misses = 0 if job else misses + 1
            if job is not None:
                yield job

    def proof_seconds(self, attempt: Attempt) -> float:
        """Return what confirming an attempt will cost: both sides from three fresh seeds."""
        assert attempt.recipe is not None
        timed = attempt.timed
        whole = statistics.median(timed) / attempt.rows * attempt.recipe.epochs if timed else 0.0
        return 3.0 * (whole + (self.seconds_per_epoch or 0.0) * min(self.certain_after, self.recipe.epochs))

    def _over(self, waiting: bool) -> bool:
        best = self.best()
        if best is not None and best.score > self.baseline.score + WORTH and best.outcome.stuck is None:
            proof = self.proof_seconds(best)
            if self.budget.left() < proof < HALF * (self.options.timeout or math.inf):
                return True
        return self.budget.left(self.shares.go_on if waiting else self.shares.screen) <= 0

    def _works(self) -> bool:
        """Say whether a combination has set the network free: what a remedy does alone matters less from then on."""
        best = self.best()
        combined = any(len(a.prescription) > len(self.certain) + 1 for a in self.attempts)
        return combined and best is not None and not best.outcome.stuck and best.score > self.baseline.score + WORTH

    def _scarce(self, waiting: Sequence[Prescription]) -> bool:
        """Say whether trying the next single remedy would leave no time for the first two combinations."""
        alone = len(self.certain) + 1
        if not waiting or len(waiting[0]) > alone or len(waiting[-1]) <= alone:
            return False
        each = statistics.fmean(a.outcome.seconds for a in self.attempts)
        longer = (LONGER - 1) * self.rung.epochs * each / max(1, len(self.baseline.outcome.scores) + 1)
        return self.budget.left(self.shares.screen) < each + 2 * (each + longer)

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
        seen = next((a for a in self.attempts if a.prescription.key == prescription.key), None)
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
        whole = prescription == self.by_causes and self.options.timeout is not None
        short = len(prescription) <= max(1, len(self.certain) + 1) and prescription != self.certain
        share = self.rung.epochs / self.recipe.epochs * (1 if short else LONGER)
        epochs = recipe.epochs if whole else min(recipe.epochs, max(1, round(share * recipe.epochs)))
        seconds = FOR_CAUSES * (self.options.timeout or 0.0) if whole else self._slice(waiting)
        seconds = None if seconds is None else min(seconds, self._most(prescription))
        self._asked[recipe.digest] = trial, prescription
        deadline = self.budget.deadline(self.shares.go_on)
        rows = 1.0 if whole else self.rung.rows
        return Job(recipe, self.options.seed, epochs, recipe.digest, rows=rows, deadline=deadline, seconds=seconds)

    def _most(self, prescription: Prescription) -> float:
        """Return the seconds that a training with more epochs may take."""
        return PROVABLE * (self.options.timeout or math.inf) if "train-longer" in prescription.names else math.inf

    def _record(self, job: Job, outcome: Outcome) -> None:
        """Keep what came of a job; a leader trains on first."""
        trial, prescription = self._asked.pop(job.key)
        recipe = job.recipe
        if self._leads(job, outcome, self._most(prescription)):
            outcome = self._to_the_end(job, outcome)
        if len(outcome.scores) < job.epochs and not outcome.stuck:
            prescription = prescription.shortened(recipe.epochs, len(outcome.scores))
            recipe = prescription.apply(self.recipe, self.dataset, self.remedies)
        rows = 1.0 if len(outcome.scores) > job.epochs else job.rows
        attempt = Attempt(len(self.attempts), prescription, recipe, outcome, job.key, rows)
        self._measure(attempt)
        self._keep(trial, attempt)

    def _keep(self, trial: Any, attempt: Attempt) -> None:
        self.attempts.append(attempt)
        self.study.tell(trial, attempt.outcome)
        self.listener.step(str(attempt.prescription), attempt.outcome.score)
        self.listener.attempt(attempt)

    def _leads(self, job: Job, outcome: Outcome, most: float) -> bool:
        """Say whether a treated recipe is the best so far, and the rest of its epochs cost little, and all no more."""
        if not self.attempts or outcome.stuck or not 0 < len(outcome.scores) < job.recipe.epochs:
            return False
        timed = (outcome.evidence.seconds if outcome.evidence else None) or (outcome.seconds,)
        rest = statistics.median(timed[1:] or timed) / job.rows * (job.recipe.epochs - len(outcome.scores))
        beaten = max(self.baseline.score + 0.02, best.score if (best := self.best()) else -math.inf)
        short = rest <= RUSH * (self.options.timeout or math.inf) and rest + sum(timed) <= most
        return short and outcome.scores[-1] > beaten

    def _to_the_end(self, job: Job, outcome: Outcome) -> Outcome:
        """Let a leader train for all its epochs at once: what comes later has to beat a finished score."""
        again = self.engine.train(replace(job, epochs=job.recipe.epochs, rows=1.0, seconds=None))
        return replace(again, seconds=again.seconds + outcome.seconds) if again.scores else outcome

    def _slice(self, waiting: int) -> float | None:
        """Return seconds for one attempt: twice its fair share, so that one slow net leaves time for the rest."""
        if self.options.timeout is None:
            return None
        return 2 * max(LEAST_SECONDS_A_TRIAL, self.budget.left(self.shares.screen) / max(1, min(FIRST, waiting)))

    def _first_rung(self, queue: Sequence[Prescription]) -> Rung:
        """Return what a single remedy gets at first: as much as lets the first candidates be screened."""
        planned, seconds_per_epoch = self.recipe.epochs, self.seconds_per_epoch
        if self.options.timeout is None or not seconds_per_epoch:
            return Rung(max(1, math.ceil(planned / 4)))
        first = [p for p in queue if len(p) > len(self.certain) + 1][:2] + list(queue[: FIRST - 2])
        shares = max(1, sum(LONGER if len(p) > len(self.certain) + 1 else 1 for p in first))
        training = self.options.timeout * self.shares.screen - LEAST_SECONDS_A_TRIAL * len(first)
        return Rung.affordable(training / (shares * seconds_per_epoch), planned, len(self.dataset.train))
