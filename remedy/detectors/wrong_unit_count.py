"""wrong-unit-count: the head has fewer units than there are classes to tell apart."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

BINARY = ("binarycrossentropy", "binaryfocalcrossentropy")
SPARSE = "sparsecategoricalcrossentropy"


class WrongUnitCount(Detector):
    """The head has fewer units than there are classes to tell apart.

    What it sees: one unit under a binary cross-entropy where the target holds one whole number a
    row with more than two values; and fewer units than label values under a sparse categorical
    cross-entropy; a label that the loss ignores does not count.

    Why it matters: one sigmoid can say yes or no, and the loss of a label above 1 has no lower
    end. A class without a unit cannot be predicted; what Keras does with its rows depends on the
    backend: an error, NaN, or nothing.

    What helps: one unit for each class, with a softmax and sparse categorical cross-entropy. More
    units than classes do no harm.

    Source: `keras.losses.SparseCategoricalCrossentropy` (labels index the units of the output);
    the rest is counting.
    """

    code, name, severity = "HED207", "wrong-unit-count", "error"
    fires_on = (
        Evidence(
            outputs=(OutputFacts("kind", 1, "sigmoid", loss="binary_crossentropy", maximum=2.0, mean=1.0, distinct=3),)
        ),
        Evidence(
            outputs=(
                OutputFacts("kind", 5, "softmax", loss="sparse_categorical_crossentropy", maximum=9.0, distinct=10),
            )
        ),
    )
    silent_on = (
        Evidence(outputs=(OutputFacts("ill", 1, "sigmoid", loss="binary_crossentropy"),)),
        Evidence(
            outputs=(
                OutputFacts("kind", 10, "softmax", loss="sparse_categorical_crossentropy", maximum=3.0, distinct=4),
            )
        ),
    )

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Compare the units of every output with the values of its target."""
        found = [finding for facts in outputs if (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.measured["missing"], default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        if facts.units is None or not facts.integers or facts.one_hot:
            return None
        if facts.loss_key in BINARY and facts.units == 1 and facts.shape in ((), (1,)) and facts.distinct > 2:
            says = "one unit tells two classes apart"
        elif facts.loss_key == SPARSE and facts.units < facts.distinct:
            says = "a class without a unit cannot be predicted"
        else:
            return None
        return Finding(
            f"Output {facts.name!r} has {facts.units} unit{'s' if facts.units > 1 else ''} under {facts.loss}, "
            f"but its target has {facts.distinct} different labels, {facts.minimum:g} to {facts.maximum:g}: {says}.",
            measured={
                "units": float(facts.units),
                "labels": float(facts.distinct),
                "missing": float(facts.distinct - facts.units),
            },
            threshold=float(facts.distinct),
        )
