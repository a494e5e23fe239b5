"""saturated-units: a tanh or sigmoid layer answers its bounds nearly everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Look


class SaturatedUnits(Detector):
    """A hidden tanh or sigmoid layer answers (nearly) its bounds to (nearly) every row.

    What it sees: the share of a bounded layer's activations within a hundredth of their bounds, at
    the latest look.

    Why it matters: at the bounds the slope is zero, so no gradient passes, and what the layer tells
    the next one is a sign and no quantity.

    What helps: scaled inputs, smaller initial weights, a smaller learning rate, relu-like activations.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, section 3 (saturation of sigmoid and tanh layers).
    """

    code, name, severity = "OPT412", "saturated-units", "warning"
    remedies = ("scale-inputs", "swap-activation", "learning-rate", "initializer", "add-normalization")
    fires_on = (Evidence(looks=(Look(2, saturated={"dense": 0.97}),)),)
    silent_on = (Evidence(looks=(Look(2, saturated={"dense": 0.3}),)),)

    fraction: float = 0.8

    def detect(self, looks: Sequence[Look]) -> Finding | None:
        """Find the layer with the largest share of saturated activations."""
        found = {k: v for k, v in looks[-1].saturated.items() if math.isfinite(v)} if looks else {}
        if not found:
            return None
        name = max(found, key=found.__getitem__)
        if found[name] < self.fraction:
            return None
        return Finding(
            f"{found[name]:.0%} of the activations of layer {name} lie within a hundredth of its bounds.",
            measured={"saturated": found[name]},
            threshold=self.fraction,
            confidence=0.9,
        )
