"""diverging-loss: the training loss grows far beyond its best value and stays there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class DivergingLoss(Detector):
    """The training loss grows: to a multiple of its best value, or epoch after epoch.

    What it sees: the last two losses against the smallest so far (but never less than half the loss
    of a constant answer, or where that is not known of the first loss, so that jitter near zero is
    left alone); or three rises in a row to a quarter above it.

    Why it matters: each step overshoots. Beyond some point the weights are so large that units
    saturate or die, and a smaller rate afterwards cannot bring them back.

    What helps: a smaller learning rate, scaled inputs, clipped gradients.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, sections 8.2.4 and 11.4.1.
    """

    code, name, severity, symptom = "OPT401", "diverging-loss", "error", True
    remedies = ("learning-rate", "scale-inputs", "clip-gradients", "optimizer", "add-normalization")
    fires_on = (Evidence(loss=(0.7, 0.9, 4.0, 60.0), prior_loss=0.7),)
    silent_on = (
        Evidence(loss=(0.7, 0.5, 0.4, 0.35), prior_loss=0.7),
        Evidence(loss=(0.02, 0.001, 0.004, 0.003), prior_loss=0.7),
    )

    growth: float = 2.0
    climbs: float = 3
    climb: float = 1.25

    def detect(self, loss: Sequence[float], prior_loss: float | None = None) -> Finding | None:
        """Compare the last two losses with the best one."""
        finite = [v for v in loss if math.isfinite(v)]
        if len(finite) < 3 or not all(math.isfinite(v) for v in loss[-2:]) or min(finite) <= 0:
            return None
        floor = max(min(finite[:-1]), 0.5 * (finite[0] if prior_loss is None else prior_loss))
        if floor <= 0:
            return None
        climbs = len(loss) > self.climbs and all(a < b for a, b in itertools.pairwise(loss[-1 - int(self.climbs) :]))
        growth = self.climb if climbs else self.growth
        if min(loss[-2:]) < growth * floor or loss[-1] < loss[-2] * 0.9:
            return None
        ratio = loss[-1] / floor
        return Finding(
            f"The loss is {loss[-1]:.4g}, {ratio:.1f} times as high as {floor:.4g}, which it had (or a constant has).",
            measured={"ratio": ratio, "loss": loss[-1], "best": min(finite)},
            threshold=growth,
            confidence=0.9,
        )
