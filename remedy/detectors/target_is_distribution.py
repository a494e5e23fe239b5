"""target-is-distribution: rows of shares are fitted by units that do not know of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

SEPARATE = ("linear", "sigmoid", "hard_sigmoid", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh")
DISTANCES = (
    *("meansquarederror", "meanabsoluteerror", "rootmeansquarederror", "rmse", "huber", "huberloss", "logcosh"),
    *("meanabsolutepercentageerror", "mape", "meansquaredlogarithmicerror", "msle"),
)
DISTRIBUTIONS = ("kldivergence", "kullbackleiblerdivergence", "kld", "categoricalcrossentropy")
SHARES = OutputFacts(
    "shares", 4, loss="mse", shape=(4,), maximum=0.9, mean=0.25, std=0.2, integers=False, row_sums=(1.0, 1.0)
)


class TargetIsDistribution(Detector):
    """Every target row is a distribution, but head or loss do not treat it as one.

    What it sees: for regression, target rows of two or more values that are not negative and sum
    to 1, with a head that is no softmax, or with a softmax under a squared or absolute error.

    Why it matters: a unit of its own cannot know what the others answer, so the answers do not sum
    to 1 and part of what the weights learn is that sum. A squared error behind a softmax also
    loses its gradient where the softmax saturates.

    What helps: a softmax head with KL divergence or categorical cross-entropy.

    Source: Geng, "Label Distribution Learning", IEEE TKDE 28(7), 2016; Goodfellow, Bengio and
    Courville, "Deep Learning", 2016, section 6.2.2.3.
    """

    code, name, severity = "HED213", "target-is-distribution", "warning"
    tasks = ("regression",)
    fires_on = (
        Evidence(task="regression", outputs=(SHARES,)),
        Evidence(task="regression", outputs=(replace(SHARES, activation="softmax"),)),
    )
    silent_on = (
        Evidence(task="regression", outputs=(replace(SHARES, activation="softmax", loss="kl_divergence"),)),
        Evidence(task="regression", outputs=(replace(SHARES, row_sums=(0.2, 2.1)),)),
    )

    sum_slack: float = 1e-3

    def detect(self, task: str, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for rows that sum to 1 under a head or loss for separate numbers."""
        found = [finding for facts in outputs if task == "regression" and (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.confidence, default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        if facts.units is None or facts.units < 2 or facts.shape[-1:] != (facts.units,) or facts.row_sums is None:
            return None
        if facts.one_hot or not facts.minimum >= 0 or any(not abs(s - 1) <= self.sum_slack for s in facts.row_sums):
            return None
        if facts.activation == "softmax" and facts.loss_key in DISTANCES:
            says, confidence = f"are compared by {facts.loss}, which takes them for separate numbers", 0.6
        elif facts.activation not in SEPARATE or (facts.from_logits and facts.cross_entropy == "categorical"):
            return None
        elif facts.loss_key in (*DISTANCES, *DISTRIBUTIONS, "binarycrossentropy"):
            says, confidence = f"are answered by {facts.units} {facts.activation} units whose sum is free", 0.8
        else:
            return None
        return Finding(
            f"The target rows of output {facts.name!r} ({facts.units} values from {facts.minimum:.3g} to "
            f"{facts.maximum:.3g}) sum to 1, but {says}.",
            measured={"units": float(facts.units), "smallest_sum": facts.row_sums[0], "largest_sum": facts.row_sums[1]},
            threshold=self.sum_slack,
            confidence=confidence,
        )
