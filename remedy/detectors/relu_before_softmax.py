"""relu-before-softmax: the scores lose their negative half before they become probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts


class ReluBeforeSoftmax(Detector):
    """A relu stands between the last weights and the softmax or sigmoid.

    What it sees: a softmax or sigmoid head with a relu right before it and no weights between.

    Why it matters: behind a relu every score is at least 0. A sigmoid can then never answer less
    than 0.5; in a softmax all classes with negative scores get the same share and no gradient, and
    a unit that is negative on all rows never learns again.

    What helps: no activation on the layer before the softmax or sigmoid.

    Source: sigmoid(0) = 0.5; for units that die see Maas, Hannun and Ng, "Rectifier Nonlinearities
    Improve Neural Network Acoustic Models", ICML 2013 workshop.
    """

    code, name, severity = "HED212", "relu-before-softmax", "error"
    fires_on = (
        Evidence(outputs=(OutputFacts("kind", 3, "softmax", "relu", loss="categorical_crossentropy"),)),
        Evidence(outputs=(OutputFacts("ill", 1, "sigmoid", "relu6", loss="binary_crossentropy"),)),
    )
    silent_on = (
        Evidence(outputs=(OutputFacts("kind", 3, "softmax", None, loss="categorical_crossentropy"),)),
        Evidence(outputs=(OutputFacts("kind", 3, "softmax", "leaky_relu", loss="categorical_crossentropy"),)),
    )

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for a relu right before the last activation; a sigmoid is worse than a softmax."""
        found = [finding for facts in outputs if (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.confidence, default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        if facts.units is None or facts.before not in ("relu", "relu6"):
            return None
        if facts.activation == "sigmoid":
            trouble, confidence = "no answer can be below 0.5", 1.0
        elif facts.activation == "softmax" and facts.units > 1:
            trouble, confidence = "all scores below 0 become one and the same, without a gradient", 0.9
        else:
            return None
        return Finding(
            f"Output {facts.name!r} puts a {facts.before} before the {facts.activation} of its {facts.units} "
            f"unit{'s' if facts.units > 1 else ''}: {trouble}.",
            measured={"units": float(facts.units)},
            threshold=0.0,
            confidence=confidence,
        )
