"""How a search shares out its seconds: what a trial may cost, when a stage ends, what is kept for the proof."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from remedy.prescription import Prescription
from remedy.search.attempts import Attempt, whole_epoch_seconds
from remedy.training.engines._base import Engine, Job, Outcome

RUSH = 0.12
"""Share of the budget that the rest of a leader's epochs may cost to be trained at once."""

FOR_CAUSES = 0.2
"""Share of the budget for training, to its end, what the causes ask for."""

PROVABLE = 0.1
"""Share of the budget that a training with more epochs may take: a proof repeats it three times, and the untouched
recipe once with as many epochs."""

LEAST_SECONDS_A_TRIAL = 1.5
"""A new model costs about this much before its first step, so a shorter trial saves nothing."""

FIRST = 8
"""Candidates that a first look must have time for; a search rarely needs more of them."""

KEPT_FOR_ONE = 0.8
"""Share of the budget that may be kept for one seed of a proof, or its treated side, where more is past paying: a long
search that shows nothing helps nobody."""

WORTH, RESERVED = 0.1, 0.6
"""A best attempt that is so much better than the untouched recipe is not given up for want of time to drop what it
does not need and to confirm it; so much of the budget may be kept for that, and what takes more is not waited for."""

TO_MEASURE = 3
"""Epochs of the untouched recipe that tell what an epoch costs, where it is not known: the first one traces."""

PROOF_MARGIN = 1.2
"""A proof is planned with so much more time than it should take: a late one proves nothing."""

FRESH_SEEDS = 3
"""Seeds that a proof trains both sides from."""


MOST_SCREENING = 0.6
"""Largest share of a time budget that is spent on trying prescriptions."""

LONGER = 3
"""Combinations are tried this many times longer than single remedies, and every later round is this many
times longer again."""

FEWEST_ROWS = 512
"""A sample of the rows is no smaller; below that, validation scores are mostly noise."""


@dataclass(frozen=True)
class Shares:
    """Shares of the time budget at which the stages of a search end.

    What is left at the end is for confirming on fresh seeds, which must never be squeezed out.

    Attributes:
        screen: Trying prescriptions.
        go_on: Letting the best train on.
        reduce: Dropping remedies.
    """

    screen: float = 0.36
    go_on: float = 0.52
    reduce: float = 0.66

    @classmethod
    def that_leave(cls, seconds: float, timeout: float | None) -> Shares:
        """Return shares that leave ``seconds`` for reducing and confirming: small programs may be searched longer."""
        if timeout is None:
            return cls()
        screen = max(cls.screen, min(MOST_SCREENING, 1 - seconds / timeout))
        left = (1 - screen) / (1 - cls.screen)
        return cls(screen, screen + left * (cls.go_on - cls.screen), screen + left * (cls.reduce - cls.screen))


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


@dataclass(frozen=True)
class Rung:
    """What a single remedy is given at first.

    Attributes:
        epochs: Passes over the rows.
        rows: Share of the training rows, 1 for all.
    """

    epochs: int = 1
    rows: float = 1.0

    @classmethod
    def affordable(cls, epochs: float, planned: int, rows: int) -> Rung:
        """Return the rung for what there is time for.

        Args:
            epochs: Epochs that fit into the time of one candidate, a fraction perhaps.
            planned: Epochs of the user's plan.
            rows: Training rows of an epoch.
        """
        if epochs >= 1:
            return cls(min(planned, int(epochs)))
        return cls(1, min(1.0, max(epochs, FEWEST_ROWS / max(1, rows))))


@dataclass
class Pace:
    """Seconds, and what they allow.

    Attributes:
        budget: Seconds of the whole search, and what is left of them.
        planned: Epochs of the untouched recipe.
        rows: Training rows.
        at_once: Trainings that go on at the same time.
        longer: Name of the remedy that gives a training more epochs, or None.
        rung: What single remedies are given at first.
        shares: When the stages end.
        seconds_per_epoch: Of the untouched recipe, where known.
        ran_out: Whether it was time that ended the trying when `over` was asked last.
    """

    budget: Budget
    planned: int
    rows: int
    longer: str | None = None
    at_once: int = 1
    rung: Rung = field(default_factory=Rung)
    shares: Shares = field(default_factory=Shares)
    seconds_per_epoch: float | None = None
    ran_out: bool = False
    _built: list[float] = field(default_factory=list)

    @property
    def building(self) -> float:
        """Seconds that a training takes before its first step and beside its epochs: building, tracing."""
        return statistics.median(self._built) if self._built else LEAST_SECONDS_A_TRIAL

    @property
    def timeout(self) -> float:
        """Seconds of the whole search; infinite without a limit."""
        return math.inf if self.budget.timeout is None else self.budget.timeout

    def start(self, seconds_per_epoch: float | None) -> None:
        """Take what an epoch of the untouched recipe costs on these rows; None where unknown."""
        self.seconds_per_epoch = seconds_per_epoch

    def plan(self, queue: Sequence[Prescription], alone: int) -> None:
        """Share the time out anew: how long to screen, and how many epochs each at first.

        Args:
            queue: What is certain to be tried.
            alone: Remedies of a prescription that adds a single one to what all of them have.
        """
        if self.seconds_per_epoch:
            # Confirming trains both sides three times, dropping remedies the treated one about three times.
            trainings = 2 * FRESH_SEEDS / self.at_once + 3
            needed = trainings * self.seconds_per_epoch * self.planned + 2 * FRESH_SEEDS * self.building
            self.shares = Shares.that_leave(needed, self.budget.timeout)
        self.rung = self._first_rung(queue, alone)

    def brief(self) -> None:
        """Give the untouched recipe only what tells the cost of an epoch, where that is not known."""
        if self.seconds_per_epoch is None:
            self.rung = Rung(min(self.rung.epochs, TO_MEASURE), self.rung.rows)

    def measure(self, attempt: Attempt) -> None:
        """Learn what an epoch costs, where it is not known; the first one, which traces, says little."""
        timed = attempt.outcome.timed
        if len(timed) > 1:
            self._built.append(max(0.0, attempt.outcome.seconds - whole_epoch_seconds(attempt.outcome) * len(timed)))
        if self.seconds_per_epoch is None and (len(timed) > 1 or self.planned == 1):
            self.seconds_per_epoch = attempt.seconds_per_epoch
        elif self.seconds_per_epoch is not None and not attempt.number and len(timed) > 1:
            # The user's own training also logged and validated.
            self.seconds_per_epoch = min(self.seconds_per_epoch, attempt.seconds_per_epoch)

    def most_seconds(self, prescription: Prescription, waiting: int, whole: bool) -> float | None:
        """Return the seconds that one training may take; None without a limit.

        Args:
            prescription: With more epochs than the user's plan it must stay short enough to be proven.
            waiting: How many more are certain to be tried, this one included.
            whole: It is to be trained to its end.
        """
        if self.budget.timeout is None:
            return None
        # Twice the fair share, so that one slow net leaves time for the rest.
        left = self.budget.left(self.shares.screen) / max(1, min(FIRST, waiting))
        seconds = FOR_CAUSES * self.timeout if whole else 2 * max(LEAST_SECONDS_A_TRIAL, left)
        return min(seconds, self.most_provable(prescription))

    def most_provable(self, prescription: Prescription) -> float:
        """Return the seconds that a training may take; more epochs than the user planned have their limit."""
        return PROVABLE * self.timeout if self.longer in prescription.names else math.inf

    def rest_is_short(self, job: Job, outcome: Outcome, most: float) -> bool:
        """Say whether the rest of a training's epochs costs little, and all of them no more than ``most`` seconds."""
        each = whole_epoch_seconds(outcome) / job.rows or outcome.seconds
        rest = each * (job.recipe.epochs - len(outcome.scores))
        return rest <= RUSH * self.timeout and rest + outcome.seconds <= most

    def can_repeat(self, attempt: Attempt, times: int) -> bool:
        """Say whether an attempt may be trained again so often: cheaply, and with time left for its proof."""
        seconds = times * attempt.seconds_per_epoch * len(attempt.outcome.scores)
        left = min(self.budget.left(self.shares.reduce), self.budget.left() - self.proof_seconds(attempt))
        return seconds <= min(left, RUSH * self.timeout)

    def proof_seconds(self, attempt: Attempt, seeds: int = FRESH_SEEDS) -> float:
        """Return what confirming an attempt may cost: both sides from fresh seeds, and building all of them."""
        assert attempt.recipe is not None
        epochs, each = attempt.recipe.epochs, self.seconds_per_epoch or 0.0
        sides = [attempt.seconds_per_epoch * epochs + self.building, each * self.planned + self.building]
        if epochs > self.planned and len(attempt.prescription) > 1:
            sides.append(each * (epochs - self.planned) / seeds)
        return PROOF_MARGIN * max(seeds * sum(sides) / self.at_once, *sides)

    def _reduction_seconds(self, attempt: Attempt, alone: bool) -> float:
        """Return what it may cost to train once without each of an attempt's remedies, and with each of them alone."""
        remedies = len(attempt.prescription)
        each = attempt.seconds_per_epoch * len(attempt.outcome.scores) + self.building
        return remedies * each * (1 + alone / self.at_once) if remedies > 1 else 0.0

    def _kept_for(self, attempt: Attempt, near_top: bool) -> float:
        """Return the seconds that are kept for an attempt: for its reduction and its proof.

        Where the whole proof is past paying, one seed of it is kept, or the treated side of one: what leads by far on
        that, or has learnt where the user's run never did, is shown, unconfirmed.
        Near the top all that it takes is kept, for what every part is worth says more than what is left to gain.
        """
        proof, most = self.proof_seconds(attempt), RESERVED * self.timeout
        if proof < most:
            needed = proof + self._reduction_seconds(attempt, near_top)
            return needed if near_top else min(most, needed)
        return self._least_seconds(attempt)

    def _least_seconds(self, attempt: Attempt) -> float:
        """Return what the least of a proof may cost: one seed of both sides, or of the treated one; 0 past paying."""
        treated = attempt.seconds_per_epoch * attempt.recipe.epochs + self.building if attempt.recipe else 0.0
        least = (self.proof_seconds(attempt, seeds=1), PROOF_MARGIN * treated)
        return next((seconds for seconds in least if seconds < KEPT_FOR_ONE * self.timeout), 0.0)

    def last_call(self, best: Attempt | None, baseline: float) -> float | None:
        """Return when a training that goes on to find something better has to end, as a time of the engine's clock.

        Where a whole proof is past paying, nothing takes the time that is kept for one seed of it.
        """
        end = self.budget.deadline(self.shares.go_on)
        if end is None or best is None or best.score <= baseline + WORTH or best.outcome.stuck is not None:
            return end
        least = self._least_seconds(best)
        slow = self.proof_seconds(best) >= RESERVED * self.timeout and least > 0
        return min(end, self.budget.deadline(1 - least / self.timeout) or math.inf) if slow else end

    def over(self, best: Attempt | None, baseline: float, waiting: bool, near_top: bool = False) -> bool:
        """Say whether to stop trying: the share is spent, or the best could not be proven any more.

        Args:
            best: The best attempt.
            baseline: Score of the untouched recipe.
            waiting: Whether prescriptions wait that are certain to be tried.
            near_top: Whether the best leaves so little to gain that all its parts are to be measured.
        """
        worth = best is not None and best.score > baseline + WORTH and best.outcome.stuck is None
        kept = best is not None and worth and self.budget.left() < self._kept_for(best, near_top)
        self.ran_out = kept or self.budget.left(self.shares.go_on if waiting else self.shares.screen) <= 0
        return self.ran_out

    def scarce(self, attempts: Sequence[Attempt]) -> bool:
        """Say whether trying one more single remedy would leave no time for the first two combinations."""
        each = statistics.fmean(a.outcome.seconds for a in attempts)
        longer = (LONGER - 1) * self.rung.epochs * each / max(1, len(attempts[0].outcome.scores) + 1)
        return self.budget.left(self.shares.screen) < each + 2 * (each + longer)

    def until_proof_of(self, attempt: Attempt) -> None:
        """Let the search go on until only the proof of something like this attempt can be afforded."""
        end = 1 - self.proof_seconds(attempt) / self.timeout
        self.shares = Shares(end, end, max(end, self.shares.reduce))

    def _first_rung(self, queue: Sequence[Prescription], alone: int) -> Rung:
        """Return what a single remedy gets at first: as much as lets the first candidates be screened."""
        if self.budget.timeout is None or not self.seconds_per_epoch:
            return Rung(max(1, math.ceil(self.planned / 4)))
        first = [p for p in queue if len(p) > alone][:2] + list(queue[: FIRST - 2])
        shares = max(1, sum(LONGER if len(p) > alone else 1 for p in first))
        training = self.timeout * self.shares.screen - LEAST_SECONDS_A_TRIAL * len(first)
        return Rung.affordable(training / (shares * self.seconds_per_epoch), self.planned, self.rows)
