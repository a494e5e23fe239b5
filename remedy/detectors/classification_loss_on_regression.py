"""classification-loss-on-regression: a cross-entropy on numbers that are no probabilities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

LOSSES = (
    *("binarycrossentropy", "binaryfocalcrossentropy", "categoricalcrossentropy", "categoricalfocalcrossentropy"),
    *("kldivergence", "kullbackleiblerdivergence", "kld"),
)
PRICE = OutputFacts("price", 1, "sigmoid", minimum=5.0, maximum=50.0, mean=22.5, std=9.2, distinct=229, integers=False)


class ClassificationLossOnRegression(Detector):
    """A cross-entropy is asked to fit numbers that are neither classes nor probabilities.

    What it sees: for regression, a binary or categorical cross-entropy or a KL divergence on a
    target with values clearly below 0 or above 1. Counts under a categorical cross-entropy with
    several columns are left alone: they are a multinomial likelihood.

    Why it matters: cross-entropy compares distributions. With a target above 1 or below 0 it has
    no lower end: it falls while the answers run to 0 or 1, and says nothing of the distance.

    What helps: mean squared error with a linear head and a scaled target; or a target that is
    scaled into 0..1 where it is a share.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2: the loss follows
    from the distribution of the target.
    """

    code, name, severity = "HED208", "classification-loss-on-regression", "error"
    tasks = ("regression",)
    fires_on = (Evidence(task="regression", outputs=(replace(PRICE, loss="binary_crossentropy"),)),)
    silent_on = (
        Evidence(task="regression", outputs=(replace(PRICE, loss="mse"),)),
        Evidence(task="regression", outputs=(OutputFacts("pixels", 784, "sigmoid", loss="binary_crossentropy"),)),
    )

    slack: float = 0.05

    def detect(self, task: str, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for targets outside of 0 to 1 under a loss for probabilities."""
        found = [finding for facts in outputs if task == "regression" and (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.measured["outside"], default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        if facts.units is None or facts.loss_key not in LOSSES:
            return None
        if facts.cross_entropy == "categorical" and facts.integers and facts.minimum >= 0 and facts.shape[-1:] > (1,):
            return None
        outside = max(facts.maximum - 1, -facts.minimum)
        if not self.slack < outside < math.inf:
            return None
        return Finding(
            f"{facts.loss} on output {facts.name!r} compares probabilities, but its target runs from "
            f"{facts.minimum:.4g} to {facts.maximum:.4g} (mean {facts.mean:.4g}).",
            measured={"minimum": facts.minimum, "maximum": facts.maximum, "outside": outside},
            threshold=self.slack,
        )
