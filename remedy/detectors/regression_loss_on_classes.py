"""regression-loss-on-classes: a squared or absolute error between probabilities and classes."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

SQUARED = (
    *("meansquarederror", "rootmeansquarederror", "rmse", "huber", "huberloss", "logcosh"),
    *("meansquaredlogarithmicerror", "msle"),
)
ABSOLUTE = ("meanabsoluteerror", "meanabsolutepercentageerror", "mape")
SATURATING = ("softmax", "sigmoid", "hard_sigmoid", "tanh")


class RegressionLossOnClasses(Detector):
    """A squared or absolute error is taken between probabilities and classes.

    What it sees: for classification, a squared, absolute or similar error behind a softmax,
    sigmoid or tanh head, or between free numbers and one-hot classes. A linear head on other
    targets, and a model that rebuilds its own input, are left alone.

    Why it matters: the gradient of such an error carries the slope of the activation, which is
    nearly 0 where an answer is surely wrong, so the worst rows move least. Under an absolute error
    the best constant answer is the most frequent class alone.

    What helps: categorical, sparse categorical or binary cross-entropy, whose gradient grows with
    the error.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, section 4.1; Golik, Doetsch and Ney, "Cross-entropy vs. squared error
    training", Interspeech 2013.
    """

    code, name, severity = "HED209", "regression-loss-on-classes", "warning"
    tasks = ("binary", "multiclass", "multilabel")
    fires_on = (
        Evidence(
            task="multiclass", outputs=(OutputFacts("digit", 10, "softmax", loss="mse", shape=(10,), one_hot=True),)
        ),
    )
    silent_on = (
        Evidence(
            task="multiclass",
            outputs=(OutputFacts("digit", 10, "softmax", loss="categorical_crossentropy", shape=(10,), one_hot=True),),
        ),
        Evidence(task="multiclass", outputs=(OutputFacts("digit", 10, "linear", loss="mse", shape=(10,)),)),
    )

    def detect(self, task: str, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for an error of regression behind a head that saturates."""
        if task == "regression":
            return None
        found = [finding for facts in outputs if (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.confidence, default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        free = facts.activation == "linear" and facts.one_hot and facts.units != 1
        if facts.units is None or not facts.integers or (facts.activation not in SATURATING and not free):
            return None
        if facts.loss_key not in (*SQUARED, *ABSOLUTE) or (facts.rebuilds and not facts.one_hot):
            return None
        harm = (
            "spends its effort on rows that are answered too well"
            if free
            else "has hardly any gradient where an answer is surely wrong"
        )
        return Finding(
            f"{facts.loss} on output {facts.name!r} ({facts.units} {facts.activation} "
            f"unit{'s' if facts.units > 1 else ''}, {facts.distinct} target values) {harm}; a cross-entropy does not.",
            measured={"units": float(facts.units), "target_values": float(facts.distinct)},
            confidence=0.85 if facts.loss_key in ABSOLUTE else 0.7,
        )
