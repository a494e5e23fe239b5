"""non-finite-input: training rows hold NaN or infinite values."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts, OutputFacts

CLEANERS = ("nan", "impute", "missing", "where", "isfinite", "lambda")
"""Words in the class of a layer that may take such values out."""

LOSSES = (
    "meansquarederror",
    "meanabsoluteerror",
    "meansquaredlogarithmicerror",
    "meanabsolutepercentageerror",
    "huber",
    "logcosh",
    "hinge",
    "squaredhinge",
    "poisson",
    "kldivergence",
    "binarycrossentropy",
    "categoricalcrossentropy",
    "sparsecategoricalcrossentropy",
)
"""Losses of Keras, which a NaN in the target goes straight through."""


class NonFiniteInput(Detector):
    """Training rows or their targets hold values that are NaN or infinite.

    What it sees: how many values of every input and target array are no finite numbers. Inputs are
    left alone where a layer of the model, or code of the user's own that reads them first, may clean
    them; targets where the loss is the user's own and may skip them.

    Why it matters: one NaN in a batch makes the loss NaN, its gradient makes every weight NaN, and
    from that step on the network answers NaN to every row.

    What helps: filling in or dropping these values before training; a division by zero or a
    missing cell is where they usually come from.

    Source: the rules of IEEE 754: every sum and product with a NaN is NaN.
    """

    code, name, severity = "DAT104", "non-finite-input", "error"
    remedies = ("impute",)
    fires_on = (
        Evidence(inputs=(InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, columns=8, nonfinite=12),)),
        Evidence(inputs=(), outputs=(OutputFacts(loss="mean_squared_error", nonfinite=3),)),
    )
    silent_on = (
        Evidence(inputs=(InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0),), outputs=(OutputFacts(),)),
        Evidence(inputs=(), outputs=(OutputFacts(loss="masked_error", nonfinite=3),)),
    )

    def detect(
        self,
        inputs: Sequence[InputFacts],
        outputs: Sequence[OutputFacts] | None = None,
        layers: Sequence[LayerFacts] | None = None,
    ) -> Finding | None:
        """Report every array with values that are not finite; the fullest comes first."""
        cleaned = any(word in layer.kind.lower() for layer in layers or () for word in CLEANERS)
        read = [facts for facts in inputs if facts.nonfinite > 0 and not cleaned and not facts.own_code]
        bad = [(facts.nonfinite, f"input {facts.name!r}") for facts in read]
        bad += [
            (facts.nonfinite, f"the target of {facts.name!r}")
            for facts in outputs or ()
            if facts.nonfinite > 0 and facts.loss_key in LOSSES
        ]
        if not bad:
            return None
        bad.sort(key=lambda part: -part[0])
        total = sum(count for count, _ in bad)
        places = ", ".join(f"{count} in {where}" for count, where in bad)
        return Finding(
            f"{total} training value{' is' if total == 1 else 's are'} NaN or infinite ({places}): "
            "the first batch with one of them makes every weight NaN.",
            measured={"nonfinite": float(total)},
            threshold=0.0,
        )
