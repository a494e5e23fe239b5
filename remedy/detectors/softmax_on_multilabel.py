"""softmax-on-multilabel: classes compete where a row may have several of them."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts


class SoftmaxOnMultilabel(Detector):
    """The head is a softmax, but rows have several labels at once.

    What it sees: a softmax of two or more units, one for each column of the target, where the
    target holds zeros and ones and some row holds more than a single one. A model that rebuilds
    its own input is left alone.

    Why it matters: the units of a softmax share a sum of 1. With two true labels neither can be
    more than 0.5 sure beside the other, and with none the sum is still 1.

    What helps: a sigmoid on every unit and binary cross-entropy.

    Source: Nam et al., "Large-scale Multi-label Text Classification: Revisiting Neural Networks",
    ECML PKDD 2014; the bound on the answers follows from the definition of softmax.
    """

    code, name, severity = "HED205", "softmax-on-multilabel", "error"
    tasks = ("multilabel",)
    fires_on = (
        Evidence(
            task="multilabel",
            outputs=(
                OutputFacts(
                    "tags", 6, "softmax", loss="binary_crossentropy", shape=(6,), row_sums=(0.0, 4.0), mean=0.3
                ),
            ),
        ),
    )
    silent_on = (
        Evidence(
            task="multilabel",
            outputs=(OutputFacts("tags", 6, "sigmoid", loss="binary_crossentropy", shape=(6,), row_sums=(0.0, 4.0)),),
        ),
        Evidence(
            task="multilabel",
            outputs=(OutputFacts("kind", 6, "softmax", shape=(6,), one_hot=True, row_sums=(1.0, 1.0)),),
        ),
    )

    def detect(self, task: str, outputs: Sequence[OutputFacts]) -> Finding | None:
        """Look for a softmax over labels that do not exclude each other."""
        if task != "multilabel":
            return None
        for facts in outputs:
            if facts.activation != "softmax" or facts.units is None or facts.units < 2 or facts.row_sums is None:
                continue
            if facts.shape[-1:] != (facts.units,) or facts.rebuilds or "sparse" in facts.loss_key:
                continue
            if facts.integers and facts.minimum >= 0 and facts.maximum <= 1 and facts.row_sums[1] > 1:
                most = facts.row_sums[1]
                return Finding(
                    f"Output {facts.name!r} is a softmax over {facts.units} units, but a row of its target has up to "
                    f"{most:.0f} ones (mean {facts.mean * facts.units:.2g}): together they can only reach a sum of 1.",
                    measured={"units": float(facts.units), "most_labels": most, "mean": facts.mean},
                    threshold=1.0,
                    confidence=0.95 if facts.cross_entropy == "categorical" else 1.0,
                )
        return None
