"""empty-embedding: a frozen table of word vectors holds zeros for most words."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts


class EmptyEmbedding(Detector):
    """A frozen Embedding holds nothing but zeros for most of its words.

    What it sees: the share of the rows of a frozen table that are zeros throughout.

    Why it matters: all these words look alike, and a frozen table never learns them. Words that were not found among
    the loaded vectors (another spelling, another language, upper case) leave such rows.

    What helps: training the table, from what it holds; or looking the words up again, spelt as the vectors spell them.

    Source: the Keras example "Using pre-trained word embeddings", which counts hits and misses for this reason.
    """

    code, name, severity = "ARC312", "empty-embedding", "warning"
    remedies = ("train-embedding",)
    fires_on = (Evidence(layers=(LayerFacts("embedding", "Embedding", empty_rows=0.97),)),)
    silent_on = (
        Evidence(layers=(LayerFacts("embedding", "Embedding", empty_rows=0.1),)),
        Evidence(layers=(LayerFacts("embedding", "Embedding"),)),
    )

    share: float = 0.5

    def detect(self, layers: Sequence[LayerFacts]) -> Finding | None:
        """Report the emptiest table."""
        found = max(layers, key=lambda layer: layer.empty_rows or 0.0, default=None)
        if found is None or found.empty_rows is None or found.empty_rows <= self.share:
            return None
        return Finding(
            f"Embedding {found.name!r} is frozen, and {found.empty_rows:.0%} of its rows are zeros: all these words "
            "look alike and stay so.",
            measured={"empty": found.empty_rows},
            threshold=self.share,
            confidence=0.95,
        )
