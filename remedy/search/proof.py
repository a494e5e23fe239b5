"""What a proof came to: scores of both sides from fresh seeds, and what follows from them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

from remedy.evidence.evidence import Evidence
from remedy.search.budget import FRESH_SEEDS
from remedy.search.stopping import LEARNT

LEAST = 0.02
"""However small the spread and however many the rows, a smaller lead is nothing to hand over."""

FAR_AHEAD = 0.1
"""A lead on fewer seeds than a proof needs must be this large to be shown at all, as not confirmed."""

NEAR = 0.05
"""A recipe that never fails must come this near to the median of one that fails from some seeds only."""


@dataclass(frozen=True)
class Proof:
    """How the untouched and the treated recipe did on rows never trained on or chosen by.

    Attributes:
        baseline, treated: Scores over the same fresh seeds, the untouched recipe after its author's own epochs.
        longer: Score of the untouched recipe, from the first of the seeds, after as many epochs as the treated one was
            given, where those are more.
        margin: By how much the medians must differ: the larger half range over seeds, what chance alone leads by on
            these rows in one of a hundred searches (`remedy.search.chance`), or 0.02, whichever is most.
        constant: Score of the best constant answer, or None for a user's own objective.
        seeds: The seeds.
        epochs: Epochs that every training of the treated recipe was given.
        seen: Score of the untouched recipe from one more start, that of the search: in full, on the rows set aside or,
            where the search trained it to its end, on those that prescriptions were chosen by; None where unknown.
        rivals: Prescriptions that held on the same rows, of which this one did best.
        evidence: Of the untouched and of the treated training with the median score; None where there is none.
        weighed: False where more epochs are part of the treatment and time did not pay for the untouched recipe with
            as many: nothing is confirmed then.
        metrics: The user's own metrics of that untouched training on the same rows, by name; empty where unknown.
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
    metrics: Mapping[str, float] = field(default_factory=dict)
    longer: tuple[float, ...] = ()
    weighed: bool = True

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
        return self._complete and self._lead > self.margin

    @property
    def promising(self) -> bool:
        """True when too few seeds could be compared for a proof, and those that were lead by far."""
        if self._complete or not self.treated or not self.baseline:
            return False
        clear = self.constant is None or min(self.treated) > self.constant + LEARNT * (1 - self.constant)
        return clear and self._lead > max(FAR_AHEAD, self.margin)

    @property
    def unmatched(self) -> bool:
        """True when time paid for one treated training and for no untouched one, and that one has clearly learnt.

        Nothing was compared then: it may be shown, and is never confirmed.
        """
        if self.baseline or not self.treated or self.constant is None:
            return False
        return min(self.treated) > self.constant + max(self.margin, LEARNT * (1 - self.constant))

    @property
    def _lead(self) -> float:
        floor = -math.inf if self.constant is None else self.constant
        sides = [statistics.median(side) for side in (self.baseline, self.longer) if side]
        return statistics.median(self.treated) - max(*sides, floor)

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
        clear = median > self.constant + max(self.margin, LEARNT * (1 - self.constant))
        alike = median >= statistics.median(self.baseline) - NEAR
        return clear and alike and min(self.treated) >= (self.constant + median) / 2

    @property
    def _complete(self) -> bool:
        return self.weighed and len(self.treated) >= FRESH_SEEDS and len(self.baseline) >= FRESH_SEEDS

    @property
    def best_seed(self) -> int:
        """The seed whose score is the median of the treated recipe."""
        return self.seeds[self.treated.index(statistics.median_low(self.treated))]
