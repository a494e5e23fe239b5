"""The ledger of a search: what was tried, what came of it, and which attempt leads.

Stages read it and add to it; none of them writes to another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from remedy.prescription import Prescription
from remedy.search.attempts import Attempt

WORTHWHILE = 0.02
"""Less than this above the untouched recipe is nothing to follow."""


@dataclass
class Ledger:
    """Every attempt of a search.

    Attributes:
        planned: Epochs of the untouched recipe.
        same: Scores that lie no further apart are equal.
        longer: Name of the remedy that gives a training more epochs, or None.
        set_aside: What has been put to the proof: it did not hold, or held and left much to gain.
    """

    planned: int
    same: float
    longer: str | None = None
    set_aside: list[Prescription] = field(default_factory=list)
    _attempts: list[Attempt] = field(default_factory=list)

    def __len__(self) -> int:
        """Return how many attempts there were; the next one has this number."""
        return len(self._attempts)

    def __iter__(self) -> Iterator[Attempt]:
        """Go through the attempts in the order of trying."""
        return iter(tuple(self._attempts))

    @property
    def baseline(self) -> Attempt:
        """The untouched recipe."""
        return self._attempts[0]

    @property
    def last(self) -> Attempt:
        """The newest attempt."""
        return self._attempts[-1]

    def write(self, attempt: Attempt) -> None:
        """Keep an attempt; one that went on, or was judged from more seeds, stands in the place of its first entry."""
        if attempt.number < len(self):
            self._attempts[attempt.number] = attempt
        else:
            self._attempts.append(attempt)

    def of(self, prescription: Prescription) -> Attempt | None:
        """Return the attempt at a prescription, or None; more epochs than the time allowed are the same attempt."""
        return next((a for a in self if self._same(a, prescription)), None)

    def twin(self, digest: str) -> Attempt | None:
        """Return the attempt whose recipe has this digest, or None."""
        return next((a for a in self if a.recipe is not None and a.recipe.digest == digest), None)

    def best(self) -> Attempt | None:
        """Return the best treated attempt; of ones that chance may have put in order that with fewest remedies.

        Attempts are compared that went on as long as any, or to their end, and those that were better after fewer
        epochs already: a lower score after three epochs says little beside one after nine. What has been put to the
        proof is left out.
        """
        tried = [a for a in self if len(a.prescription) and a.outcome.scores]
        alive = [a for a in tried if a.prescription not in self.set_aside]
        if not alive:
            return None
        alive = [a for a in alive if not a.outcome.stuck] or alive
        alive = [a for a in alive if not a.outcome.broken] or alive
        longest = max(min(len(a.outcome.scores), self.planned) for a in alive)
        whole = max(a.score for a in alive if len(a.outcome.scores) >= longest)
        tried = [a for a in alive if len(a.outcome.scores) >= longest or a.score > whole + self.same]
        top = max(a.score for a in tried)
        return min((a for a in tried if a.score >= top - self.same), key=lambda a: (len(a.prescription), -a.score))

    def worth_following(self, attempt: Attempt) -> bool:
        """Say whether an attempt is better than the untouched recipe by more than nothing."""
        return attempt.recipe is not None and attempt.score > self.baseline.score + WORTHWHILE

    def _same(self, attempt: Attempt, prescription: Prescription) -> bool:
        tried = attempt.prescription
        return tried.key == prescription.key or (attempt.cut and prescription.only_longer_than(tried, self.longer))
