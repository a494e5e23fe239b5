"""ids-as-numbers: ids of words are read as quantities."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts


class IdsAsNumbers(Detector):
    """Padded rows of whole numbers that look like ids of words go into layers that take them for quantities.

    What it sees: whole numbers from 0 on in rows that end or begin in zeros, with no zeros between, without order from
    one to the next, and with columns that are all alike; and no Embedding that reads them.

    Why it matters: word 700 is not seven hundred times word 1. A Dense layer multiplies the id with a weight, so what
    it is told is the position in a vocabulary. No scaling helps.

    What helps: an Embedding as the first layer, which has a vector for every word; pooling or a recurrent layer next.

    Source: Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic language model", JMLR 3, 2003; Keras'
    documentation of Embedding.
    """

    code, name, severity = "DAT118", "ids-as-numbers", "warning"
    remedies = ("embed-ids",)
    fires_on = (Evidence(inputs=(InputFacts("x", (40,), 0.0, 799.0, 230.0, 260.0, integers=True, words=800),)),)
    silent_on = (
        Evidence(inputs=(InputFacts("x", (40,), 0.0, 799.0, 230.0, 260.0, integers=True, ids=True),)),
        Evidence(inputs=(InputFacts("x", (784,), 0.0, 255.0, 33.0, 78.0, integers=True),)),
    )

    def detect(self, inputs: Sequence[InputFacts]) -> Finding | None:
        """Report the first such input."""
        facts = next((facts for facts in inputs if facts.words and not (facts.ids or facts.normalized_inside)), None)
        if facts is None:
            return None
        return Finding(
            f"Input {facts.name!r} holds whole numbers up to {facts.maximum:.0f} in padded rows, as ids of words do, "
            "and no Embedding reads them: the layers take ids for quantities.",
            measured={"words": float(facts.words or 0)},
            confidence=0.85,
        )
