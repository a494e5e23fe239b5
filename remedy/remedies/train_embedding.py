"""train-embedding: let a frozen table of words learn."""

from __future__ import annotations

from remedy.remedies._embedding import EmbeddingSetting
from remedy.remedies._specimens import Program, words


class TrainEmbedding(EmbeddingSetting):
    """Train a frozen Embedding from what it holds.

    Rows of zeros learn as fast as any: their gradient is that of the layer which reads them.

    Source: Kim, "Convolutional neural networks for sentence classification", EMNLP 2014 (static against non-static
    word vectors).
    """

    name = "train-embedding"
    treats = ("ARC312",)
    setting, default, words = "trainable", True, ("frozen", "trained")

    def specimen(self) -> Program:
        """Return a frozen table of words."""
        return words(trainable=False)
