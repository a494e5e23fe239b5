"""cut-text: most of every text is cut off before the model reads it."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts


def _texts(cut: float) -> Evidence:
    return Evidence(inputs=(InputFacts("texts", (), 0.0, 0.0, 0.0, 0.0, ids=True, cut=cut),))


class CutText(Detector):
    """The model's TextVectorization keeps the first words of a text and drops most of the others.

    What it sees: the mean share of a text's words that stand behind ``output_sequence_length``.

    Why it matters: what is cut off cannot be learned from; reviews say at their end whether the film was worth it.

    What helps: a longer ``output_sequence_length``; or the last words in the place of the first.

    Source: Sun, Qiu, Xu and Huang, "How to fine-tune BERT for text classification", 2019, section 5.3.1 (head and tail
    of long texts).
    """

    code, name, severity = "DAT120", "cut-text", "warning"
    fires_on = (_texts(0.8),)
    silent_on = (_texts(0.2),)

    share: float = 0.5

    def detect(self, inputs: Sequence[InputFacts]) -> Finding | None:
        """Report the input of which most is cut off."""
        worst = max(inputs, key=lambda facts: facts.cut or 0.0, default=None)
        if worst is None or worst.cut is None or worst.cut <= self.share:
            return None
        return Finding(
            f"On average {worst.cut:.0%} of a text of input {worst.name!r} stands behind the last word that the model "
            "reads.",
            measured={"cut": worst.cut},
            threshold=self.share,
            confidence=0.8,
        )
