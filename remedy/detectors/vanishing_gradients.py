"""vanishing-gradients: the first layers get next to no gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Look


class VanishingGradients(Detector):
    """The gradient that reaches the first layers is a tiny fraction of that of the last.

    What it sees: the root mean square of the loss gradient of every kernel, at the latest look.

    Why it matters: layers without a gradient keep their random initial weights; the rest learns on
    top of noise. Stacks of sigmoid or tanh layers do this by construction, and so do dead relu layers.

    What helps: relu-like activations with a matching initializer, normalization layers, shortcuts,
    a shallower network, scaled inputs.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010; published checkers call a ratio under 1e-3 vanishing.
    """

    code, name, severity = "OPT409", "vanishing-gradients", "warning"
    remedies = (
        "swap-activation",
        "initializer",
        "add-normalization",
        "simplify-architecture",
        "optimizer",
        "learning-rate",
        "scale-inputs",
    )
    fires_on = (Evidence(looks=(Look(3, gradients={"dense": 1e-7, "dense_1": 2e-4, "dense_2": 0.04}),)),)
    silent_on = (Evidence(looks=(Look(3, gradients={"dense": 0.02, "dense_1": 0.05, "dense_2": 0.04}),)),)

    ratio: float = 1e-3
    least: float = 1e-4
    solved: float = 0.1

    def detect(
        self,
        looks: Sequence[Look],
        probe_loss: Sequence[float] | None = None,
        prior_loss: float | None = None,
    ) -> Finding | None:
        """Compare the first layer's gradient with the largest one."""
        if probe_loss and prior_loss is not None and probe_loss[-1] < self.solved * prior_loss:
            return None  # A net that is sure of every row has no gradient either.
        gradients = {k: g for k, g in looks[-1].gradients.items() if math.isfinite(g)} if looks else {}
        if len(gradients) < 2:
            return None
        largest = max(gradients.values())
        if largest == 0:
            return Finding(
                f"No layer of {len(gradients)} gets any gradient: nothing can be learned from here.",
                measured={"ratio": 0.0, "layers": float(len(gradients))},
                threshold=self.ratio,
                confidence=0.95,
            )
        name, first = next(iter(gradients.items()))
        if first >= self.least or first >= self.ratio * largest:
            return None
        return Finding(
            f"The gradient of the first layer ({name}) is {first:.1e}, the largest of a layer {largest:.1e}: "
            f"a ratio of {first / largest:.0e}.",
            measured={"ratio": first / largest, "first": first, "largest": largest},
            threshold=self.ratio,
            confidence=0.9,
        )
