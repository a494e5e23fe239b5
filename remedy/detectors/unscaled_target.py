"""unscaled-target: the target of a regression is far from zero mean and unit spread."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts

RELATIVE = (
    "meanabsolutepercentageerror",
    "mape",
    "meansquaredlogarithmicerror",
    "msle",
    "poisson",
    "kldivergence",
    "cosinesimilarity",
)
"""Losses that do not grow with the scale of the target, or that want counts or probabilities."""

SCALERS = ("Rescaling", "Normalization", "Lambda")
"""Layers that may bring the answer of the network to the scale of the target."""


class UnscaledTarget(Detector):
    """The target of a regression is far from zero mean and unit spread.

    What it sees: mean, standard deviation and largest absolute value of every target. Targets under
    a loss of relative errors, and networks that end in a layer which scales, are left alone.

    Why it matters: a new network answers values near 0. A squared error on targets in the hundreds
    starts with a loss of tens of thousands, and its gradients grow alike; on targets that hardly
    differ the gradients vanish. A target far from 0 is first learnt by the last bias alone.

    What helps: training on (y - mean) / std, and turning the answers back with the same numbers.

    Source: plain reasoning: the gradient of a squared error is twice the distance from the target,
    and learning rates are made for distances of about 1.
    """

    code, name, severity = "DAT110", "unscaled-target", "warning"
    tasks = ("regression", "several")
    fires_on = (
        Evidence(
            task="regression",
            outputs=(OutputFacts(loss="mse", minimum=9e4, maximum=8e5, mean=3e5, std=1e5, integers=False),),
        ),
        Evidence(
            task="regression",
            outputs=(OutputFacts(loss="mse", minimum=0.001, maximum=0.009, mean=0.005, std=0.002, integers=False),),
        ),
    )
    silent_on = (
        Evidence(
            task="regression",
            outputs=(OutputFacts(loss="mse", minimum=-2.5, maximum=2.8, mean=0.0, std=1.0, integers=False),),
        ),
    )

    spread: float = 10.0
    offset: float = 10.0
    reach: float = 100.0
    smallest: float = 0.01

    def detect(self, outputs: Sequence[OutputFacts], layers: Sequence[LayerFacts] | None = None) -> Finding | None:
        """Report the target that lies furthest outside the bounds."""
        used = [layer for layer in layers or () if layer.used]
        if used and used[-1].kind in SCALERS:
            return None
        found = [self._judge(facts) for facts in outputs if not facts.cross_entropy and facts.loss_key not in RELATIVE]
        return max((f for f in found if f), key=lambda f: f.confidence, default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        reach = max(abs(facts.minimum), abs(facts.maximum))
        span = facts.maximum - facts.minimum
        measured = {"mean": facts.mean, "std": facts.std, "largest": reach}
        says = (
            f"The target of {facts.name!r} runs from {facts.minimum:.4g} to {facts.maximum:.4g} "
            f"(mean {facts.mean:.4g}, standard deviation {facts.std:.4g})"
        )
        offset = abs(facts.mean) / max(facts.std, 1.0)
        if facts.std > self.spread or offset > self.offset or reach > self.reach:
            times = max(facts.std / self.spread, offset / self.offset, reach / self.reach)
            return Finding(
                f"{says}; a new network answers values near 0.", measured, self.spread, min(0.9, 0.6 + times / 50)
            )
        if 0 < span < 20 * self.smallest and 0 < facts.std < self.smallest:
            return Finding(f"{says}; differences this small give next to no gradient.", measured, self.smallest, 0.7)
        return None
