"""The search: a budget, an Optuna study, and the order in which remedies are tried.

One writer: this module owns the study (ask and tell); engines only train. Order: the untouched
recipe, each indicated remedy at its usual dose, combinations, then TPE over remedies and doses.
Everything is tried for a few epochs; the best third goes on with the weights it has.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from remedy.dataset import Dataset
from remedy.diagnosis import Diagnosis
from remedy.engines._base import Engine, Job, Outcome
from remedy.errors import InvalidInput, NotApplicable
from remedy.prescription import Prescription, applies, candidates
from remedy.recipe import Recipe
from remedy.registry import remedies_for
from remedy.remedies._base import Remedy
from remedy.scores import Objective
from remedy.study import Study

SCREEN_UNTIL, CONTINUE_UNTIL, REDUCE_UNTIL = 0.36, 0.52, 0.66
"""Shares of the time budget at which screening, going on with the best, and dropping remedies end.
What is left is for confirming on fresh seeds, which must never be squeezed out."""

LONGER = 3
"""Combinations are screened this many times longer than single remedies, and every later round is this
many times longer again (Jamieson and Talwalkar, "Non-stochastic Best Arm Identification", 2016)."""

LEAST_SECONDS_A_TRIAL = 1.5
"""A new model costs about this much before its first step, so a shorter trial saves nothing."""


@dataclass(frozen=True)
class Search:
    """How to search.

    Attributes:
        trials: Most prescriptions to try.
        timeout: Seconds for searching and confirming together; None for no limit. The final
            training of the fix comes on top.
        seed: Of sampling, splits and trainings.
        objective: None for balanced accuracy, macro F1 or R^2, whichever the task asks for; one of
            their names; or a callable ``(y_true, y_pred) -> float``, higher is better.
        workers: Trainings at a time. This version trains one at a time, also for "auto".
        storage: Optuna storage URL that keeps the study; None keeps it in memory.

    Raises:
        InvalidInput: A value that no search can use.
    """

    trials: int = 40
    timeout: float | None = 600.0
    seed: int = 0
    objective: str | Objective | None = None
    workers: int | str = 1
    storage: str | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.trials < 1:
            raise InvalidInput(f"Search(trials={self.trials}): give at least 1, or search=False.")
        if self.timeout is not None and not self.timeout > 0:
            raise InvalidInput(f"Search(timeout={self.timeout}): give seconds above 0, or None.")
        if self.workers not in (1, "auto"):
            raise InvalidInput(f"Search(workers={self.workers!r}): this version trains one at a time; leave it out.")


@dataclass(frozen=True)
class Attempt:
    """One prescription that was tried.

    Attributes:
        number: In the order of trying, from 0; 0 is the untouched recipe.
        prescription: What was changed.
        recipe: The changed recipe.
        outcome: What came of it.
    """

    number: int
    prescription: Prescription
    recipe: Recipe | None
    outcome: Outcome

    @property
    def key(self) -> str:
        """The engine's name for this training."""
        return f"attempt-{self.number}"

    @property
    def score(self) -> float:
        """Mean score of its last epochs, a third of them and three at most; -inf where it could not be trained."""
        scores = self.outcome.scores
        return statistics.fmean(scores[-min(3, max(1, len(scores) // 3)) :]) if scores else -math.inf


class Listener(Protocol):
    """Hears how a search goes on; the terminal and the tracking store listen."""

    def stage(self, name: str, total: int) -> None:
        """A stage begins: "search", "continue", "reduce" or "confirm", with so many trainings."""

    def step(self, name: str, score: float | None) -> None:
        """One training of a stage ended."""

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended; told again when it went on for more epochs."""


class Budget:
    """Time that is left, by an engine's clock."""

    def __init__(self, timeout: float | None, engine: Engine) -> None:
        """Start counting now."""
        self._clock, self._began = engine.clock, engine.clock()
        self.timeout = timeout

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def left(self, share: float = 1.0) -> float:
        """Seconds until ``share`` of the budget is spent; infinite without a limit."""
        return math.inf if self.timeout is None else self.timeout * share - self.spent

    def deadline(self, share: float = 1.0) -> float | None:
        """The same moment as a time of the engine's clock."""
        return None if self.timeout is None else self._began + self.timeout * share


@dataclass
class Screening:
    """The first half of a search: what was tried, and what is best so far.

    Attributes:
        attempts: Everything tried, in order.
        epochs: Epochs that every attempt was given at first.
        study: Asks for prescriptions and is told what came of them.
        interrupted: True when the user pressed Ctrl-C.
        seconds_per_epoch: Of the untouched recipe, where known.
        certain_after: Epochs after which the detectors were certain of the untouched recipe.
    """

    dataset: Dataset
    recipe: Recipe
    remedies: Sequence[Remedy]
    engine: Engine
    options: Search
    listener: Listener
    budget: Budget
    attempts: list[Attempt] = field(default_factory=list)
    epochs: int = 1
    study: Study = field(init=False)
    interrupted: bool = False
    certain_after: int = 0
    seconds_per_epoch: float | None = None

    @property
    def baseline(self) -> Attempt:
        """The untouched recipe."""
        return self.attempts[0]

    def best(self) -> Attempt | None:
        """Return the best treated attempt; of nearly equal ones (0.01) the one with fewest remedies.

        Only attempts that went on as long as any are compared: the others lost to these already,
        and a score after three epochs says little beside one after nine.
        """
        tried = [a for a in self.attempts if len(a.prescription) and a.outcome.scores]
        if not tried:
            return None
        alive = [a for a in tried if not a.outcome.stuck] or tried
        longest = max(len(a.outcome.scores) for a in alive)
        tried = [a for a in alive if len(a.outcome.scores) == longest]
        top = max(a.score for a in tried)
        return min((a for a in tried if a.score >= top - 0.01), key=lambda a: (len(a.prescription), -a.score))

    def run(self, diagnoses: Sequence[Diagnosis], seconds_per_epoch: float | None) -> None:
        """Try everything that the budget allows; Ctrl-C ends it and keeps what is there.

        Args:
            diagnoses: What was found, most certain first.
            seconds_per_epoch: Of the untouched recipe on these rows; None where unknown.
        """
        self.seconds_per_epoch = seconds_per_epoch
        self.certain_after = next((d.epoch for d in diagnoses if d.severity == "error" and d.epoch), self.recipe.epochs)
        queue = [Prescription(), *candidates(diagnoses, self.remedies, self.recipe, self.dataset)]
        self.epochs = self._first_epochs(queue, seconds_per_epoch)
        sampled = self._sampled(diagnoses)
        self.study = Study(self.recipe, self.dataset, sampled, self.options.seed, self.options.storage)
        try:
            self._screen(queue, bool(sampled))
            self._go_on()
        except KeyboardInterrupt:
            self.interrupted = True

    def _screen(self, queue: list[Prescription], sample: bool) -> None:
        total = self.options.trials if sample else min(len(queue), self.options.trials)
        self.listener.stage("search", total)
        misses, waiting = 0, list(queue)
        while len(self.attempts) < total and misses < 20:
            if self.attempts and self.budget.left(CONTINUE_UNTIL if waiting else SCREEN_UNTIL) <= 0:
                return
            if self._scarce(waiting):
                waiting = [p for p in waiting if len(p) > 1]
            chosen = waiting.pop(0) if waiting else None
            trial, prescription = self.study.ask(chosen)
            prescription = self._usable(prescription) if chosen is None else chosen
            misses = 0 if self._try(trial, prescription, len(waiting) + 1) else misses + 1

    def _scarce(self, waiting: Sequence[Prescription]) -> bool:
        """Say whether trying the next single remedy would leave no time for the first two combinations."""
        if not self.attempts or not waiting or len(waiting[0]) != 1 or len(waiting[-1]) < 2:
            return False
        each = statistics.fmean(a.outcome.seconds for a in self.attempts)
        longer = (LONGER - 1) * self.epochs * each / max(1, len(self.baseline.outcome.scores) + 1)
        return self.budget.left(SCREEN_UNTIL) < each + 2 * (each + longer)

    def _usable(self, suggested: Prescription) -> Prescription:
        """Leave out what has nothing to act on at the dose that was drawn, or is excluded by what stands before it."""
        known = {remedy.name: remedy for remedy in self.remedies}
        items: list[tuple[str, Any]] = []
        recipe = self.recipe
        for name, dose in suggested.items:
            if any(other in known[name].excludes for other, _ in items):
                continue
            try:
                recipe = known[name].apply(recipe, self.dataset, **dose)
            except NotApplicable:
                continue
            items.append((name, dose))
        return Prescription(tuple(items))

    def _try(self, trial: Any, prescription: Prescription, waiting: int) -> bool:
        """Train one prescription and tell the study; False for one that was there already.

        Args:
            trial: Optuna's.
            prescription: What to try.
            waiting: How many more are certain to be tried, this one included.
        """
        seen = next((a for a in self.attempts if a.prescription.key == prescription.key), None)
        if seen is not None:
            self.study.tell(trial, seen.outcome)
            return False
        recipe: Recipe | None = None
        try:
            recipe = prescription.apply(self.recipe, self.dataset, self.remedies)
            twin = next((a for a in self.attempts if a.recipe is not None and a.recipe.digest == recipe.digest), None)
            if twin is not None:
                self.study.tell(trial, twin.outcome)
                return False
            key = f"attempt-{len(self.attempts)}"
            # A single remedy rarely cures what has several causes; time is better spent on combinations.
            epochs = min(self.recipe.epochs, self.epochs * (LONGER if len(prescription) > 1 else 1))
            outcome = self.engine.train(Job(recipe, self.options.seed, epochs, key, deadline=self._slice(waiting)))
        except NotApplicable as error:
            outcome = Outcome(error=str(error))
        attempt = Attempt(len(self.attempts), prescription, recipe, outcome)
        self.attempts.append(attempt)
        self.study.tell(trial, outcome)
        self.listener.step(str(prescription), outcome.score)
        self.listener.attempt(attempt)
        return True

    def _slice(self, waiting: int) -> float | None:
        """Return the deadline of one attempt: twice its fair share, so that one slow net leaves time for the rest."""
        if self.options.timeout is None:
            return None
        share = max(LEAST_SECONDS_A_TRIAL, self.budget.left(SCREEN_UNTIL) / max(1, waiting))
        return self.engine.clock() + 2 * share

    def _go_on(self) -> None:
        """Let the best third train on, `LONGER` each round, while there is time."""
        rank = sorted((a for a in self.attempts if len(a.prescription)), key=lambda a: -a.score)
        alive = [a for a in rank if a.outcome.scores and not a.outcome.stuck]
        epochs = self.epochs * LONGER
        while alive and epochs < self.recipe.epochs:
            epochs = min(self.recipe.epochs, LONGER * epochs)
            alive = alive[: max(1, math.ceil(len(alive) / 3))][:4]
            self.listener.stage("continue", len(alive))
            for i, attempt in enumerate(alive):
                per_epoch = attempt.outcome.seconds / max(1, len(attempt.outcome.scores))
                if self.budget.left(CONTINUE_UNTIL) < per_epoch:
                    return
                assert attempt.recipe is not None
                job = Job(
                    attempt.recipe,
                    self.options.seed,
                    epochs,
                    attempt.key,
                    deadline=self.budget.deadline(CONTINUE_UNTIL),
                )
                alive[i] = replace(attempt, outcome=self.engine.train(job))
                if not alive[i].outcome.scores:
                    alive[i] = attempt
                self.attempts[attempt.number] = alive[i]
                self.listener.step(str(attempt.prescription), alive[i].score)
                self.listener.attempt(alive[i])
            alive.sort(key=lambda a: -a.score)

    def _first_epochs(self, queue: Sequence[Prescription], seconds_per_epoch: float | None) -> int:
        """Return how many epochs a single remedy gets at first: as many as let the whole queue be screened."""
        planned = self.recipe.epochs
        if self.options.timeout is None or not seconds_per_epoch:
            return max(1, math.ceil(planned / 4))
        shares = sum(LONGER if len(p) > 1 else 1 for p in queue)
        training = self.options.timeout * SCREEN_UNTIL - LEAST_SECONDS_A_TRIAL * len(queue)
        return max(1, min(planned, int(training / (shares * seconds_per_epoch))))

    def _sampled(self, diagnoses: Sequence[Diagnosis]) -> list[Remedy]:
        """Return the remedies that TPE draws from: the indicated ones that have something to act on."""
        wanted = dict.fromkeys(remedy for d in diagnoses for remedy in remedies_for(d, self.remedies))
        return [
            r
            for r in wanted
            if any(applies(r, d, self.recipe, self.dataset) for d in r.usual_doses(self.recipe, self.dataset))
        ]
