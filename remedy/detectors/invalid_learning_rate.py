"""invalid-learning-rate: the learning rate is zero, negative or no finite number."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class InvalidLearningRate(Detector):
    """The learning rate is zero, negative or no finite number.

    What it sees: the planned rate at the first, the middle and the last step, and the rate at the
    end of each epoch but the last. A rate may begin or end at 0: warm-up and
    decay do. Below 0 a twentieth of the largest rate is left to schedules that overshoot their end.

    Why it matters: at 0 no weight moves; below 0 every step climbs the loss; NaN destroys every
    weight at the first step.

    What helps: a positive rate, such as 0.001 for Adam or 0.01 for SGD.

    Source: plain reasoning on the update w - rate * gradient.
    """

    code, name, severity = "OPT408", "invalid-learning-rate", "error"
    remedies = ("learning-rate", "optimizer")
    fires_on = (
        Evidence(planned_rates=(-0.01, -0.01, -0.01)),
        Evidence(planned_rates=(0.0, 0.0, 0.0)),
    )
    silent_on = (
        Evidence(planned_rates=(0.0, 1e-3, 5e-4), learning_rate=(0.0, 5e-4), epochs_planned=10),
        Evidence(planned_rates=(1e-3, 5e-4, 0.0), learning_rate=(5e-4, 0.0), epochs_planned=2),
    )

    below: float = 0.05

    def detect(
        self,
        planned_rates: Sequence[float] | None = None,
        learning_rate: Sequence[float] | None = None,
        epochs_planned: int | None = None,
    ) -> Finding | None:
        """Look for a rate that cannot train."""
        # At the end of an epoch stands the rate of the next step, and behind the last epoch there is none.
        ended = list(learning_rate or ())[: None if epochs_planned is None else max(0, epochs_planned - 1)]
        seen = [(rate, f"at the end of epoch {epoch}") for epoch, rate in enumerate(ended, start=1)]
        planned = list(
            zip(planned_rates or (), ("at step 1", "planned half-way", "planned for the last step"), strict=False)
        )
        largest = max((rate for rate, _ in planned + seen if math.isfinite(rate)), default=0.0)
        for rate, where in planned[:1] + seen:
            if not math.isfinite(rate):
                return self._finding(rate, where, "no finite number")
        for rate, where in planned + seen:
            if rate < -self.below * max(largest, 0.0):
                return self._finding(rate, where, "so every step climbs the loss")
        if largest <= 0 and (planned or len(seen) > 1):
            where = "at the first, the middle and the last step" if planned else f"up to epoch {len(seen)}"
            return self._finding(0.0, where, "so nothing moves")
        return None

    def _finding(self, rate: float, where: str, why: str) -> Finding:
        return Finding(
            f"The learning rate {where} is {rate:g}, {why}; it must be above 0.", {"learning_rate": rate}, 0.0
        )
