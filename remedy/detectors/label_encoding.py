"""label-encoding: the labels are not coded in the way that the loss expects."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

IGNORED = 255
"""Label by which masks of segmentation usually mark pixels that do not count."""


class LabelEncoding(Detector):
    """The labels are not coded in the way that the loss expects.

    What it sees: values and shape of every target beside the loss and the units of its output:
    fractions, negative numbers or numbers without a unit under a sparse cross-entropy, one-hot rows
    there too, class numbers under a categorical cross-entropy, labels such as -1/1 or 1/2 under a
    binary one. Only the cross-entropies of Keras are judged. A single extra label, -1 or 255, is
    left alone: ``ignore_class`` may take it out.

    Why it matters: the loss takes a label as the index of a unit, or as a probability. With another
    coding it is NaN, or falls without end, or teaches the wrong class.

    What helps: class numbers from 0 for the sparse loss, one-hot rows for the categorical one, 0
    and 1 for the binary one; labels are never scaled.

    Source: the Keras documentation of the probabilistic losses, keras.io/api/losses.
    """

    code, name, severity = "DAT105", "label-encoding", "error"
    remedies = ("remap-labels", "fix-head")
    stops_keras = True
    fires_on = (
        Evidence(
            outputs=(
                OutputFacts(
                    units=3,
                    activation="softmax",
                    loss="sparse_categorical_crossentropy",
                    minimum=1,
                    maximum=3,
                    distinct=3,
                ),
            )
        ),
        Evidence(outputs=(OutputFacts(units=1, activation="sigmoid", loss="binary_crossentropy", minimum=-1),)),
    )
    silent_on = (
        Evidence(outputs=(OutputFacts(units=3, loss="sparse_categorical_crossentropy", maximum=2, distinct=3),)),
        Evidence(outputs=(OutputFacts(units=1, loss="binary_crossentropy", distinct=90, integers=False),)),
    )

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Report the first output whose labels do not fit its loss."""
        for facts in outputs:
            says = self._judge(facts) if facts.units else None
            if says:
                return Finding(
                    f"Output {facts.name!r}: {says}.",
                    measured={"minimum": facts.minimum, "maximum": facts.maximum, "units": float(facts.units or 0)},
                )
        return None

    def _judge(self, facts: OutputFacts) -> str | None:
        units, key = facts.units or 0, facts.loss_key
        spread = f"the labels run from {facts.minimum:.4g} to {facts.maximum:.4g}"
        if key == "sparsecategoricalcrossentropy":
            return self._sparse(facts, units, spread)
        if key in ("binarycrossentropy", "binaryfocalcrossentropy"):
            outside = facts.minimum < 0 or facts.maximum > 1
            if units == 1 and facts.integers and facts.distinct <= 2 and outside:
                return f"{spread}, but binary cross-entropy takes them as probabilities from 0 to 1"
        numbers = units > 1 and facts.integers and facts.shape in ((), (1,))
        if numbers and key in ("categoricalcrossentropy", "categoricalfocalcrossentropy"):
            return f"{spread}, one class number a row, but {facts.loss} wants one-hot rows of {units} values"
        return None

    def _sparse(self, facts: OutputFacts, units: int, spread: str) -> str | None:
        if facts.one_hot and facts.shape[-1:] == (units,) and units > 1:
            return f"the rows are one-hot with {units} values, but {facts.loss} wants one class number a row"
        if not facts.integers and facts.nonfinite == 0:
            return f"{spread} in fractions, but {facts.loss} takes each as the number of one of {units} units"
        extra = facts.distinct <= units + 1
        if facts.minimum == -1 and facts.maximum == units - 1 and extra and facts.distinct > units:
            return None
        if facts.minimum < 0:
            return f"{spread}, but there is no unit below 0"
        if facts.maximum < units or (facts.maximum == IGNORED and extra and units > 1):
            return None
        if facts.minimum == 1 and facts.maximum == units:
            return f"{spread}: they count from 1, but the {units} units count from 0"
        return (
            f"{spread}, but {f'the last of the {units} units' if units > 1 else 'the only unit'} is number {units - 1}"
        )
