"""bounded-head: the last activation cannot reach the values that are to be predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

REACH: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "softmax"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh"), (-1.0, 1.0)),
    **dict.fromkeys(("relu", "relu6", "softplus", "exponential"), (0.0, math.inf)),
}
COMPARING = (
    *("meansquarederror", "meanabsoluteerror", "rootmeansquarederror", "rmse", "huber", "huberloss", "logcosh"),
    *("poisson", "meanabsolutepercentageerror", "mape", "meansquaredlogarithmicerror", "msle", "binarycrossentropy"),
)
CHANGE = OutputFacts(
    "change", 1, loss="mse", minimum=-3.1, maximum=3.4, mean=0.0, std=1.0, distinct=900, integers=False
)


class BoundedHead(Detector):
    """The last activation cannot reach the values that are to be predicted.

    What it sees: for regression, the values that the last activation can give (0 to 1 for a
    sigmoid, -1 to 1 for tanh, none below 0 for a relu, rows with a sum of 1 for a softmax) against
    range, mean and standard deviation of the target. A few values outside are not enough. Only
    losses that compare answer and target value by value are judged.

    Why it matters: what is out of reach stays wrong however long the training is, and on the way
    there the unit saturates, so that the reachable rows suffer too.

    What helps: a linear head; or a target that is scaled into the reach of the activation.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.1 (linear units
    for means of a normal distribution); the ranges follow from the functions themselves.
    """

    code, name, severity = "HED206", "bounded-head", "error"
    tasks = ("regression",)
    fires_on = (
        Evidence(task="regression", outputs=(replace(CHANGE, activation="sigmoid"),)),
        Evidence(task="regression", outputs=(replace(CHANGE, activation="relu"),)),
    )
    silent_on = (
        Evidence(task="regression", outputs=(CHANGE,)),
        Evidence(task="regression", outputs=(replace(CHANGE, activation="relu", minimum=-0.1, mean=2.0),)),
    )

    slack: float = 0.05
    spread: float = 2.0
    one_sided_spread: float = 1.0
    sum_slack: float = 0.2

    def detect(self, task: str, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Compare the reach of every head with its target."""
        found = [finding for facts in outputs if task == "regression" and (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.measured["outside"], default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        softmax = facts.activation == "softmax"
        if facts.units is None or facts.activation not in REACH or facts.loss_key not in COMPARING:
            return None
        if softmax and facts.units < 2:
            return None
        low, high = REACH[facts.activation]
        wide = (self.one_sided_spread if math.isinf(high) else self.spread) * facts.std
        room = self.slack * (facts.maximum - facts.minimum)
        below = facts.minimum < low - room and facts.mean - wide < low
        above = facts.maximum > high + room and facts.mean + wide > high
        says = f"its target runs from {facts.minimum:.4g} to {facts.maximum:.4g}"
        outside = max(low - facts.minimum if below else 0.0, facts.maximum - high if above else 0.0)
        if not (below or above):
            if not (softmax and facts.row_sums and self._sums_differ(facts)):
                return None
            says = f"the rows of its target sum to {facts.row_sums[0]:.4g} to {facts.row_sums[1]:.4g}, not to 1"
            outside = max(abs(total - 1) for total in facts.row_sums)
        reach = f"gives nothing below {low:g}" if math.isinf(high) else f"gives values from {low:g} to {high:g}"
        return Finding(
            f"Output {facts.name!r} ends in {facts.activation}, which {reach}, but {says} "
            f"(mean {facts.mean:.4g}, standard deviation {facts.std:.4g}).",
            measured={"minimum": facts.minimum, "maximum": facts.maximum, "mean": facts.mean, "outside": outside},
            threshold=high if above else low,
        )

    def _sums_differ(self, facts: OutputFacts) -> bool:
        if facts.row_sums is None or facts.shape[-1:] != (facts.units,):
            return False
        low, high = facts.row_sums
        mean = facts.mean * facts.shape[-1]
        both = low < 1 - self.sum_slack and high > 1 + self.sum_slack
        return math.isfinite(mean) and (both or abs(mean - 1) > self.sum_slack)
