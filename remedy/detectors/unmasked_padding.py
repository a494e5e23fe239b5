"""unmasked-padding: a recurrent layer reads zeros behind the end of every text."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "Bidirectional", "RNN")
WORDS = InputFacts("words", (60,), 0.0, 599.0, 60.0, 90.0, integers=True, ids=True, padded_behind=0.77)


class UnmaskedPadding(Detector):
    """A recurrent layer reads a long run of zeros behind the end of every text.

    What it sees: the mean share of a row of ids that is zeros at its end, an Embedding without ``mask_zero``, and a
    recurrent layer.

    Why it matters: the last state is that after dozens of steps of padding. What the words have said must survive all
    of them, and mostly does not.

    What helps: ``mask_zero=True`` in the Embedding, so that the padding is passed over; or padding in front.

    Source: the guide "Masking and padding with Keras"; Dwarampudi and Reddy, "Effects of padding on LSTMs and CNNs",
    2019 (arXiv 1903.07288).
    """

    code, name, severity = "ARC311", "unmasked-padding", "warning"
    remedies = ("mask-padding",)
    fires_on = (Evidence(inputs=(WORDS,), layers=(LayerFacts("embedding", "Embedding"), LayerFacts("lstm", "LSTM"))),)
    silent_on = (
        Evidence(
            inputs=(WORDS,), layers=(LayerFacts("embedding", "Embedding", masks=True), LayerFacts("lstm", "LSTM"))
        ),
        Evidence(inputs=(WORDS,), layers=(LayerFacts("embedding", "Embedding"), LayerFacts("dense", "Dense"))),
    )

    share: float = 0.3

    def detect(self, inputs: Sequence[InputFacts], layers: Sequence[LayerFacts]) -> Finding | None:
        """Compare the padding with what a recurrent layer can carry over it."""
        padded = max((facts.padded_behind or 0.0 for facts in inputs), default=0.0)
        bare = [layer for layer in layers if layer.kind == "Embedding" and not layer.masks]
        if padded <= self.share or not bare or not any(layer.kind in RECURRENT for layer in layers):
            return None
        return Finding(
            f"On average {padded:.0%} of a row is zeros behind its last word, and Embedding {bare[0].name!r} does not "
            "mask them: the recurrent layer reads them all after the words.",
            measured={"padded": padded},
            threshold=self.share,
            confidence=min(0.95, 0.6 + padded / 2),
        )
