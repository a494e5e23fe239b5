"""sigmoid-with-categorical-loss: units that do not compete, under a loss for classes that do."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

SIGMOIDS = ("sigmoid", "hard_sigmoid")
CATEGORICAL = ("categoricalcrossentropy", "categoricalfocalcrossentropy")
SPARSE = "sparsecategoricalcrossentropy"


class SigmoidWithCategoricalLoss(Detector):
    """Several sigmoid units stand under a loss that asks for one distribution over the classes.

    What it sees: two or more sigmoid units under a categorical cross-entropy with one-hot or
    several-hot rows, or under a sparse categorical cross-entropy with class numbers.

    Why it matters: each sigmoid unit answers for itself and their sum is not 1, so the outputs are
    no probabilities of classes. What is trained differs too: Keras on TensorFlow puts a softmax on
    the scores behind the sigmoid, other backends divide the outputs by their sum.

    What helps: a softmax where each row has one class; binary cross-entropy where a row may have
    several.

    Source: Goodfellow, Bengio and Courville, "Deep Learning", 2016, sections 6.2.2.2 and 6.2.2.3;
    `keras.losses.CategoricalCrossentropy` expects a distribution unless from_logits is True.
    """

    code, name, severity = "HED202", "sigmoid-with-categorical-loss", "error"
    fires_on = (
        Evidence(
            outputs=(
                OutputFacts(
                    "kind", 3, "sigmoid", loss="categorical_crossentropy", shape=(3,), one_hot=True, row_sums=(1.0, 1.0)
                ),
            )
        ),
        Evidence(
            outputs=(
                OutputFacts("kind", 5, "sigmoid", loss="sparse_categorical_crossentropy", maximum=4.0, distinct=5),
            )
        ),
    )
    silent_on = (
        Evidence(
            outputs=(OutputFacts("tags", 3, "sigmoid", loss="binary_crossentropy", shape=(3,), row_sums=(0.0, 3.0)),)
        ),
        Evidence(
            outputs=(
                OutputFacts(
                    "kind", 3, "softmax", loss="categorical_crossentropy", shape=(3,), one_hot=True, row_sums=(1.0, 1.0)
                ),
            )
        ),
    )

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for several sigmoid units under a categorical loss."""
        for facts in outputs:
            if facts.units is None or facts.units < 2 or facts.activation not in SIGMOIDS or facts.from_logits:
                continue
            labels = facts.integers and (facts.loss_key == SPARSE or 0 <= facts.minimum <= facts.maximum <= 1)
            if labels and facts.loss_key in (*CATEGORICAL, SPARSE):
                return Finding(
                    f"Output {facts.name!r} has {facts.units} {facts.activation} units under {facts.loss}: "
                    "the units do not compete and their sum is not 1, so they are no probabilities of classes.",
                    measured={"units": float(facts.units)},
                    threshold=2.0,
                )
        return None
