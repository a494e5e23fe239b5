"""logits-twice: probabilities go into a loss that takes them for raw scores."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts


class LogitsTwice(Detector):
    """The head makes probabilities, and the loss makes probabilities of them once more.

    What it sees: from_logits=True in a cross-entropy, with a softmax or sigmoid as the last
    activation.

    Why it matters: values between 0 and 1 taken as scores cannot say much: a second sigmoid gives
    0.50 to 0.73, a second softmax at most e / (e + k - 1) for k classes. The loss has a floor and
    its gradients are small. Keras on TensorFlow notices some of these cases and only warns; on
    other backends they train as written.

    What helps: a linear head, or from_logits=False.

    Source: `keras.losses` documentation of from_logits; the bounds follow from the definitions of
    sigmoid and softmax.
    """

    code, name, severity = "HED204", "logits-twice", "warning"
    fires_on = (
        Evidence(outputs=(OutputFacts("kind", 10, "softmax", loss="categorical_crossentropy", from_logits=True),)),
        Evidence(outputs=(OutputFacts("ill", 1, "sigmoid", loss="binary_crossentropy", from_logits=True),)),
    )
    silent_on = (
        Evidence(outputs=(OutputFacts("kind", 10, "linear", loss="categorical_crossentropy", from_logits=True),)),
        Evidence(outputs=(OutputFacts("ill", 1, "sigmoid", loss="binary_crossentropy"),)),
    )

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for a softmax or sigmoid in front of a loss with from_logits."""
        for facts in outputs:
            if facts.units is None or not facts.from_logits or facts.cross_entropy is None:
                continue
            if facts.activation not in ("softmax", "sigmoid"):
                continue
            others = 1 if facts.cross_entropy == "binary" else facts.units - 1
            most = math.e / (math.e + others)
            return Finding(
                f"Output {facts.name!r} ends in {facts.activation}, and {facts.loss} with from_logits=True applies "
                f"its own on top: no answer of its {facts.units} unit{'s' if facts.units > 1 else ''} "
                f"can then count as more than {most:.2f} sure.",
                measured={"units": float(facts.units), "most": most},
                threshold=1.0,
                confidence=0.8,
            )
        return None
