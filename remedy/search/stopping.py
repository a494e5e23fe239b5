"""When a search may end: what a shallow model reaches on the same rows is the yardstick."""

from __future__ import annotations

import math
from dataclasses import dataclass

from remedy.evidence.records import Shallow
from remedy.search.attempts import Attempt

CEILING = 0.985
"""Of a score whose best value is 1: what is left to gain is less than the noise of most validation sets."""

ALIKE = 0.92
"""Share of a shallow model's way from a constant answer from which on a network does what that model does."""

LEARNT, STRONG = 0.3, 0.6
"""Shares of the way from a constant answer to a perfect one: from the first on a shallow model is a
yardstick; from the second on a network that reaches it leaves little to gain. Where trees and lines are
weak, as on pictures, a network may well do better, and the search goes on."""

LEAST_ALIKE = 0.85
"""However few rows there are to choose by, less of that way than this is not what the shallow model does."""

FAR = 0.8
"""A proven score that covers less of a shallow model's way is far behind it, and leaves much to gain."""

SHARE = 0.05
"""A remedy that is worth less than this share of what all of a prescription gain is not worth its line."""

TOP = 1 - SHARE
"""Share of the way from a constant answer to a perfect one from which on no further remedy could be worth its line."""

LEVEL = 8
"""Attempts without a gain after which a strong result is taken for what there is."""

SAME = 0.01
"""Scores that lie so near to each other are equal on any number of rows."""


@dataclass(frozen=True)
class StoppingRule:
    """Says of an attempt whether it is good enough.

    Attributes:
        shallow: What a shallow model reaches; None where unknown.
        error: Standard error of a score on the rows that prescriptions are chosen by.
        constant: Score of the best constant answer, where known.
        bounded: False for a user's own objective, whose best value is not known.
    """

    shallow: Shallow | None = None
    error: float = 0.0
    constant: float | None = None
    bounded: bool = True

    @property
    def same(self) -> float:
        """By how much a smaller prescription may score lower and still be preferred.

        Half a standard error, a careful form of the one-standard-error rule (Breiman, Friedman, Olshen and
        Stone, "Classification and Regression Trees", 1984, section 3.4.3): the binomial one is an upper bound.
        """
        return max(SAME, self.error / 2)

    def error_at(self, score: float) -> float:
        """Return the standard error at a score: the binomial one is largest half-way, and small near the ceiling."""
        share = min(1.0, max(0.0, score))
        return max(SAME, self.error * 2 * math.sqrt(share * (1 - share)))

    def excellent(self, attempt: Attempt | None) -> bool:
        """Say whether an attempt leaves so little to gain that nothing else need be tried."""
        return self._passes(attempt, STRONG)

    def good(self, attempt: Attempt | None) -> bool:
        """Say whether an attempt does what a shallow model does: no reason to go on for long."""
        return self._passes(attempt, LEARNT)

    def far_behind(self, score: float | None) -> bool:
        """Say of a proven score whether it leaves much to gain: a shallow model is known to lead it by far."""
        known = self.shallow
        if score is None or not self.bounded or known is None or math.isinf(self._goal(LEARNT)):
            return False
        return score < min(CEILING, known.constant + FAR * (known.score - known.constant))

    def near_top(self, best: Attempt | None) -> bool:
        """Say whether an attempt leaves less to gain than a remedy has to be worth to stay in a prescription."""
        if best is None or self.constant is None or not self.bounded or best.outcome.stuck:
            return False
        return best.score >= self.constant + TOP * (1 - self.constant)

    def levelled_off(self, best: Attempt | None, attempts: int) -> bool:
        """Say whether a strong result was not beaten by the last attempts of so many, whatever a shallow model does."""
        if best is None or self.constant is None or not self.bounded or best.outcome.stuck:
            return False
        strong = best.score >= self.constant + STRONG * (1 - self.constant)
        return strong and attempts - 1 - best.number >= LEVEL

    def _passes(self, attempt: Attempt | None, least: float) -> bool:
        if attempt is None or not len(attempt.prescription) or attempt.outcome.stuck or not self.bounded:
            return False
        return attempt.score >= min(CEILING, self._goal(least))

    def _goal(self, least: float) -> float:
        """Return the score that does what the shallow model does, infinite where that model learnt too little."""
        known = self.shallow
        if known is None or known.score - known.constant < least * (1 - known.constant):
            return math.inf
        way = known.score - known.constant
        return known.constant + max(LEAST_ALIKE * way, min(ALIKE * way, way - self.error))
