"""unbounded-head: the head gives no probabilities, but the cross-entropy expects them."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

CROSS_ENTROPIES = (
    "binarycrossentropy",
    "binaryfocalcrossentropy",
    "categoricalcrossentropy",
    "categoricalfocalcrossentropy",
    "sparsecategoricalcrossentropy",
)
CUT = ("relu", "relu6", "elu")
BOUNDED = ("tanh", "hard_tanh", "softsign")
POSITIVE = ("softplus", "exponential", "squareplus", "sparse_plus")
OTHER = ("linear", "leaky_relu", "leakyrelu", "prelu", "selu", "celu", "gelu", "silu", "swish", "mish", "hard_silu")
SHRINKING = ("tanh_shrink", "soft_shrink", "hard_shrink", "log_sigmoid")


class UnboundedHead(Detector):
    """The head gives no probabilities, but the cross-entropy expects them.

    What it sees: a linear, relu, tanh or similar head under a cross-entropy of Keras without
    from_logits; and a relu, elu or tanh head under one with from_logits, which cuts or bounds the
    scores. Functions that it does not know, and positive ones under a categorical loss, which
    divides by their sum, are left alone.

    Why it matters: Keras clips what is not between 0 and 1, and a clipped answer has no gradient;
    negative answers have no logarithm. A relu is worst: half of its answers are exactly 0.

    What helps: softmax or sigmoid as the last activation; or a linear head and from_logits=True.

    Source: `keras.losses.BinaryCrossentropy` and `CategoricalCrossentropy` (argument from_logits);
    Goodfellow, Bengio and Courville, "Deep Learning", 2016, section 6.2.2.2 on clipped units.
    """

    code, name, severity = "HED203", "unbounded-head", "error"
    fires_on = (
        Evidence(outputs=(OutputFacts("kind", 3, "linear", loss="sparse_categorical_crossentropy", maximum=2.0),)),
        Evidence(outputs=(OutputFacts("ill", 1, "relu", loss="binary_crossentropy", from_logits=True),)),
    )
    silent_on = (
        Evidence(outputs=(OutputFacts("ill", 1, "linear", loss="binary_crossentropy", from_logits=True),)),
        Evidence(outputs=(OutputFacts("kind", 3, "my_softmax", loss="categorical_crossentropy"),)),
    )

    def detect(self, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Judge the last activation of every output under a cross-entropy."""
        found = [finding for facts in outputs if (finding := self._judge(facts))]
        return max(found, key=lambda finding: finding.confidence, default=None)

    def _judge(self, facts: OutputFacts) -> Finding | None:
        if facts.units is None or facts.loss_key not in CROSS_ENTROPIES:
            return None
        function, binary = facts.activation, facts.cross_entropy == "binary"
        positive = POSITIVE if binary else ()
        if facts.from_logits:
            if function not in (*CUT, *BOUNDED, *positive):
                return None
            trouble = "bounds the scores" if function in BOUNDED else "cuts off the negative scores"
            advice = "from_logits=True wants a linear head"
        elif function in (*CUT, *BOUNDED, *positive, *OTHER, *SHRINKING):
            trouble = "does not give the probabilities"
            advice = f"a {'sigmoid' if binary else 'softmax'} is missing, or from_logits=True with a linear head"
        else:
            return None
        return Finding(
            f"Output {facts.name!r} has {facts.units} unit{'s' if facts.units > 1 else ''} with activation "
            f"{function!r}, which {trouble} that {facts.loss} expects: {advice}.",
            measured={"units": float(facts.units), "from_logits": float(facts.from_logits)},
            threshold=0.0,
            confidence=1.0 if function in CUT else 0.97,
        )
