"""exploding-gradients: a layer's gradient is huge beside its weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Look


class ExplodingGradients(Detector):
    """The gradient of a layer is many times as large as its weights, or no number at all.

    What it sees: the root mean square of gradient and kernel of every layer, at every look.

    Why it matters: one step of plain gradient descent then throws the weights away; adaptive
    optimizers survive it, but follow the few rows with the largest values.

    What helps: scaled inputs and targets, a smaller learning rate, clipped gradients.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013; published checkers call a gradient norm above 70 exploding.
    """

    code, name, severity = "OPT410", "exploding-gradients", "warning"
    remedies = (
        "clip-gradients",
        "swap-activation",
        "initializer",
        "add-normalization",
        "scale-inputs",
        "learning-rate",
    )
    fires_on = (Evidence(looks=(Look(2, gradients={"dense": 4e3, "dense_1": 12.0}, weights={"dense": 0.2}),)),)
    silent_on = (Evidence(looks=(Look(2, gradients={"dense": 0.4, "dense_1": 0.1}, weights={"dense": 0.2}),)),)

    largest: float = 70.0

    def detect(self, looks: Sequence[Look]) -> Finding | None:
        """Look for the largest gradient beside its weights."""
        for look in looks:
            for name, gradient in look.gradients.items():
                weight = max(1.0, look.weights.get(name, 1.0))
                if math.isfinite(gradient) and gradient <= self.largest * weight:
                    continue
                says = f"{gradient:.1e}" if math.isfinite(gradient) else "not a finite number"
                return Finding(
                    f"After epoch {look.epoch} the gradient of layer {name} is {says} (root mean square), "
                    f"its weights are {look.weights.get(name, math.nan):.1e}.",
                    measured={"gradient": gradient, "epoch": float(look.epoch)},
                    threshold=self.largest,
                    confidence=0.85,
                )
        return None
