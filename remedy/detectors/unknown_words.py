"""unknown-words: the model's vocabulary does not know the words of the texts."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts


def _texts(unknown: float) -> Evidence:
    return Evidence(inputs=(InputFacts("texts", (), 0.0, 0.0, 0.0, 0.0, ids=True, unknown=unknown),))


class UnknownWords(Detector):
    """Most words of the texts are not in the vocabulary of the model's TextVectorization.

    What it sees: the share of the words of some training texts that the layer turns into the id of an unknown word.

    Why it matters: all unknown words are one word to the network. A vocabulary that was never adapted, or was taken
    from other texts, another language or another spelling, leaves nothing that tells one text from another.

    What helps: to adapt the layer to the training texts before the model is built.

    Source: Keras' documentation of TextVectorization (`adapt`). Texts of a language share a vocabulary of some thousand
    words that covers nine tenths of them (Zipf, "Human Behavior and the Principle of Least Effort", 1949).
    """

    code, name, severity = "DAT119", "unknown-words", "warning"
    remedies = ("adapt-vocabulary",)
    fires_on = (_texts(0.97),)
    silent_on = (_texts(0.12),)

    share: float = 0.5

    def detect(self, inputs: Sequence[InputFacts]) -> Finding | None:
        """Report the input with the most unknown words."""
        worst = max(inputs, key=lambda facts: facts.unknown or 0.0, default=None)
        if worst is None or worst.unknown is None or worst.unknown <= self.share:
            return None
        return Finding(
            f"The vocabulary of the model does not know {worst.unknown:.0%} of the words of input {worst.name!r}: they "
            "all look alike to it.",
            measured={"unknown": worst.unknown},
            threshold=self.share,
            confidence=min(1.0, 0.6 + worst.unknown / 2.5),
        )
