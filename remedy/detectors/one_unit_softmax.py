"""one-unit-softmax: a softmax over a single unit answers 1 to everything."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts


class OneUnitSoftmax(Detector):
    """A softmax over a single unit answers 1 to everything.

    What it sees: an output that ends in a softmax over one unit. A Softmax layer on a target of
    several places stays unjudged, because it may run over the places.

    Why it matters: softmax divides each unit by the sum over the units; one unit divided by itself
    is 1, whatever the weights are. The loss may still fall, because Keras on TensorFlow trains the
    score behind the softmax, but every prediction stays 1.

    What helps: a sigmoid on the one unit, or one unit for each class.

    Source: the definition of softmax (Goodfellow, Bengio and Courville, "Deep Learning", 2016,
    section 6.2.2.3).
    """

    code, name, severity = "HED201", "one-unit-softmax", "error"
    fires_on = (
        Evidence(outputs=(OutputFacts("diagnosis", units=1, activation="softmax", loss="binary_crossentropy"),)),
    )
    silent_on = (
        Evidence(outputs=(OutputFacts("diagnosis", units=1, activation="sigmoid", loss="binary_crossentropy"),)),
        Evidence(
            outputs=(OutputFacts("which", units=1, activation="softmax", shape=(9, 1)),),
            layers=(LayerFacts("score", "Dense", "linear", 1, kernel=True), LayerFacts("which", "Softmax", "softmax")),
        ),
    )

    def detect(self, outputs: Sequence[OutputFacts], layers: Sequence[LayerFacts] | None = None) -> Finding | None:
        """Look for a softmax over one unit."""
        layered = {layer.name for layer in layers or () if layer.kind == "Softmax"}
        for facts in outputs:
            if facts.activation != "softmax" or facts.units != 1:
                continue
            if facts.name not in layered or facts.shape in ((), (1,)):
                return Finding(
                    f"Output {facts.name!r} ends in a softmax over 1 unit: it answers 1 to every row, "
                    "whatever the weights are.",
                    measured={"units": 1.0},
                    threshold=2.0,
                )
        return None
