"""The schedule of a search: prescriptions are tried in a fixed order, then drawn by TPE.

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

from remedy.diagnosis import Diagnosis
from remedy.errors import NotApplicable
from remedy.prescription import Prescription
from remedy.remedies._base import Remedy
from remedy.search.attempts import Attempt
from remedy.search.budget import FOR_CAUSES, LONGER, WORTH
from remedy.search.candidates import candidates, for_causes, foundation, indicated, usable
from remedy.search.context import SearchContext
from remedy.search.halving import go_on
from remedy.search.intensify import intensify
from remedy.search.ledger import WORTHWHILE, Ledger
from remedy.search.local_search import improvements, tested_rate
from remedy.search.study import Study
from remedy.training.engines._base import Job, Outcome

MOST_MISSES = 20
"""Draws in a row that were tried already, after which the search has seen what there is."""

BROKEN = 2
"""Epochs for which a run that broke is followed on: an attempt is judged by the mean of its last three."""


@dataclass
class Schedule:
    """Decides what is tried next.

    Attributes:
        search: What it works with.
        study: Asks for prescriptions and is told what came of them.
        by_causes: The first choice for every cause that was found; it is given all epochs at once.
        certain: What every prescription holds: the remedies of errors that were plain before training.
    """

    search: SearchContext
    study: Study = field(init=False)
    by_causes: Prescription | None = None
    certain: Prescription = field(default_factory=Prescription)
    _broke_in: int = 0
    _wanted: list[Remedy] = field(default_factory=list)
    _waiting: list[Prescription] = field(default_factory=list)
    _more: Iterator[Prescription | None] = field(default_factory=lambda: iter(()))
    _asked: dict[str, tuple[Any, Prescription]] = field(default_factory=dict)

    @property
    def ledger(self) -> Ledger:
        """What was tried."""
        return self.search.ledger

    def run(self, diagnoses: Sequence[Diagnosis], seconds_per_epoch: float | None, broke_in: int = 0) -> bool:
        """Try everything that the budget allows; Ctrl-C ends it and keeps what is there.

        Args:
            diagnoses: What was found, most certain first.
            seconds_per_epoch: Of the untouched recipe on these rows; None where unknown.
            broke_in: Epoch in which a run that had begun well broke; the untouched recipe is trained so far, for
                before it looks healthy. 0 where it never was.

        Returns:
            Whether it came to its end; False after Ctrl-C.
        """
        self._broke_in = broke_in
        self.search.pace.start(seconds_per_epoch)
        self.certain = foundation(diagnoses, self.search.remedies, self.search.recipe, self.search.dataset)
        searched = [remedy for remedy in self.search.remedies if remedy.searched]
        self.study = Study(
            self.search.recipe, self.search.dataset, searched, self.search.options.seed, self.search.options.storage
        )
        try:
            self._begin(diagnoses)
            self._screen(self._seen(diagnoses))
        except KeyboardInterrupt:
            return False
        return True

    def again(self) -> bool:
        """Search on, after the best was put to the proof, as long as the proof of another can be afforded.

        Without it the next best would be proven that there is, however little it may do.

        Returns:
            Whether it came to its end; False after Ctrl-C.
        """
        best = self.ledger.best()
        like = best or next((a for a in self.ledger if a.prescription in self.ledger.set_aside[-1:] and a.recipe), None)
        if like is None or self.search.budget.timeout is None or (best is not None and self.search.rule.good(best)):
            return True
        self.search.pace.until_proof_of(like)
        try:
            self._train_all()
        except KeyboardInterrupt:
            return False
        return True

    def _begin(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Try the untouched recipe, which tells what an epoch costs, and what was plain before training."""
        queue = [
            Prescription(),
            *candidates(diagnoses, self.search.remedies, self.search.recipe, self.search.dataset),
        ]
        self.search.pace.plan(queue, self._alone)
        self.search.listener.stage("search", min(len(queue), self.search.options.trials))
        self.search.pace.brief()
        self._try(*self.study.ask(queue[0]), len(queue))
        self.search.pace.plan(queue, self._alone)
        if len(self.certain) and self.search.options.trials > 1:
            self._try(*self.study.ask(self.certain), len(queue) - 1)

    @property
    def _alone(self) -> int:
        """Remedies of a prescription that adds a single one to what is certain."""
        return len(self.certain) + 1

    def _seen(self, diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
        """Return what was found in the user's run and in the last attempt; the latter first where it treats already."""
        last = self.ledger.last.outcome.diagnoses
        known = {d.code: d for d in (*last, *diagnoses)}
        order = (*last, *diagnoses) if len(self.certain) else (*diagnoses, *last)
        return [known[code] for code in dict.fromkeys(d.code for d in order)]

    def _screen(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Try what the diagnoses ask for, those of the foundation's own training included."""
        self._waiting = candidates(diagnoses, self.search.remedies, self.search.recipe, self.search.dataset)
        self.by_causes = for_causes(diagnoses, self.search.remedies, self.search.recipe, self.search.dataset)
        self.search.pace.plan(self._waiting, self._alone)
        mended = self.certain.apply(self.search.recipe, self.search.dataset, self.search.remedies)
        tested = tested_rate(
            self.certain,
            diagnoses,
            self.search.remedies,
            mended,
            self.search.dataset,
            lambda recipe: self.search.engine.suggest_rate(recipe, self.search.options.seed),
        )
        if tested is not None:
            self._waiting.insert(0, tested)
        self._wanted = indicated(diagnoses, self.search.remedies, mended, self.search.dataset)
        self._more = improvements(
            self.ledger.best,
            self._wanted,
            self.search.remedies,
            self.search.engine,
            self.search.dataset,
            self.search.options.seed,
            FOR_CAUSES * self.search.pace.timeout,
            self.certain.names,
        )
        self.search.listener.stage("search", self.search.options.trials)
        self._train_all()

    def _train_all(self) -> None:
        """Train what waits, then what improves the best, then what TPE draws, until the best stays the best."""
        tried = -1
        while tried < len(self.ledger):
            tried = len(self.ledger)
            for job, outcome in self.search.engine.run(self._jobs()):
                self._record(job, outcome)
            if not self.search.rule.excellent(self.ledger.best()):
                go_on(self.search)
            intensify(self.search)

    def _jobs(self) -> Iterator[Job]:
        """Give what to train next, by what came out so far, until the search is over."""
        misses, waiting = 0, self._waiting
        while len(self.ledger) + len(self._asked) < self.search.options.trials and misses < MOST_MISSES:
            best = self.ledger.best()
            combined = any(len(p) > self._alone for p in waiting)
            if (
                self.search.pace.over(best, self.ledger.baseline.score, bool(waiting), self.search.rule.near_top(best))
                or self.search.rule.excellent(best)
                or (self.search.rule.good(best) and not combined)
                or self.search.rule.levelled_off(best, len(self.ledger))
            ):
                return
            if self._scarce(waiting) or self._works():
                waiting[:] = [p for p in waiting if len(p) > self._alone]
            chosen = waiting.pop(0) if waiting else next(self._more, None)
            if chosen is None and not self._wanted:
                return
            trial, prescription = self.study.ask(chosen, self._wanted)
            if chosen is None:
                prescription = usable(
                    self.certain, prescription, self.search.remedies, self.search.recipe, self.search.dataset
                )
            job = self._job(trial, prescription, len(waiting) + 1)
            misses = 0 if job else misses + 1
            if job is not None:
                yield job

    def _works(self) -> bool:
        """Say whether a combination has set the network free: what a remedy does alone matters less from then on."""
        best = self.ledger.best()
        combined = any(len(a.prescription) > self._alone for a in self.ledger)
        return (
            combined and best is not None and not best.outcome.stuck and best.score > self.ledger.baseline.score + WORTH
        )

    def _scarce(self, waiting: Sequence[Prescription]) -> bool:
        """Say whether trying the next single remedy would leave no time for the first two combinations."""
        if not waiting or len(waiting[0]) > self._alone or len(waiting[-1]) <= self._alone:
            return False
        return self.search.pace.scarce(tuple(self.ledger))

    def _try(self, trial: Any, prescription: Prescription, waiting: int) -> None:
        """Train one prescription now."""
        job = self._job(trial, prescription, waiting)
        if job is not None:
            self._record(job, self.search.engine.train(job))

    def _job(self, trial: Any, prescription: Prescription, waiting: int) -> Job | None:
        """Return the training of a prescription; None, with the study told, for one that was there already.

        Args:
            trial: Optuna's.
            prescription: What to try.
            waiting: How many more are certain to be tried, this one included.
        """
        seen = self.ledger.of(prescription)
        if seen is not None:
            self.study.tell(trial, seen.outcome)
            return None
        try:
            recipe = prescription.apply(self.search.recipe, self.search.dataset, self.search.remedies)
        except NotApplicable as error:
            self._keep(trial, Attempt(len(self.ledger), prescription, None, Outcome(error=str(error))))
            return None
        twin = self.ledger.twin(recipe.digest)
        if twin is not None or recipe.digest in self._asked:
            self.study.tell(
                trial, Outcome(error="the same recipe is trained already") if twin is None else twin.outcome
            )
            return None
        # A single remedy rarely cures what has several causes; time is better spent on combinations.
        whole = prescription == self.by_causes and self.search.budget.timeout is not None
        short = len(prescription) <= self._alone and prescription != self.certain
        share = self.search.pace.rung.epochs / self.search.recipe.epochs * (1 if short else LONGER)
        epochs = recipe.epochs if whole else min(recipe.epochs, max(1, round(share * recipe.epochs)))
        seconds = self.search.pace.most_seconds(prescription, waiting, whole)
        if not len(prescription) and self._broke_in and self._broke_in + BROKEN > epochs:
            epochs, seconds = min(recipe.epochs, self._broke_in + BROKEN), None
        self._asked[recipe.digest] = trial, prescription
        before = self.ledger.baseline.score if len(self.ledger) else -math.inf
        deadline = self.search.pace.last_call(self.ledger.best(), before)
        rows = 1.0 if whole else self.search.pace.rung.rows
        return Job(
            recipe, self.search.options.seed, epochs, recipe.digest, rows=rows, deadline=deadline, seconds=seconds
        )

    def _record(self, job: Job, outcome: Outcome) -> None:
        """Keep what came of a job; a leader trains on first."""
        trial, prescription = self._asked.pop(job.key)
        recipe = job.recipe
        if self._leads(job, outcome, self.search.pace.most_provable(prescription)):
            outcome = self._to_the_end(job, outcome)
        if cut := len(outcome.scores) < job.epochs and not outcome.stuck:
            prescription = prescription.shortened(self.ledger.longer, recipe.epochs, len(outcome.scores))
            recipe = prescription.apply(self.search.recipe, self.search.dataset, self.search.remedies)
        rows = 1.0 if len(outcome.scores) > job.epochs else job.rows
        attempt = Attempt(len(self.ledger), prescription, recipe, outcome, job.key, rows, cut)
        self.search.pace.measure(attempt)
        self._keep(trial, attempt)

    def _keep(self, trial: Any, attempt: Attempt) -> None:
        self.ledger.write(attempt)
        self.study.tell(trial, attempt.outcome)
        self.search.listener.step(str(attempt.prescription), attempt.outcome.score)
        self.search.listener.attempt(attempt)

    def _leads(self, job: Job, outcome: Outcome, most: float) -> bool:
        """Say whether a treated recipe is the best so far, and the rest of its epochs cost little, and all no more."""
        unfinished = job.epochs < job.recipe.epochs or job.rows < 1  # What time ended is not begun again.
        if not len(self.ledger) or outcome.stuck or not outcome.scores or not unfinished:
            return False
        beaten = max(self.ledger.baseline.score + WORTHWHILE, best.score if (best := self.ledger.best()) else -math.inf)
        return outcome.scores[-1] > beaten and self.search.pace.rest_is_short(job, outcome, most)

    def _to_the_end(self, job: Job, outcome: Outcome) -> Outcome:
        """Let a leader train for all its epochs at once: what comes later has to beat a finished score."""
        again = self.search.engine.train(replace(job, epochs=job.recipe.epochs, rows=1.0, seconds=None))
        return replace(again, seconds=again.seconds + outcome.seconds) if again.scores else outcome
