"""mask-padding: pass over the zeros behind the end of a text."""

from __future__ import annotations

from remedy.remedies._embedding import EmbeddingSetting
from remedy.remedies._specimens import Program, words


class MaskPadding(EmbeddingSetting):
    """Leave the zeros behind the end of a text out: ``mask_zero=True`` in every Embedding.

    Recurrent layers then stop at the last word; layers that know no masks drop them.

    Source: the guide "Masking and padding with Keras".
    """

    name = "mask-padding"
    treats = ("ARC311",)
    setting, default, words = "mask_zero", False, ("zeros are read", "zeros are masked")

    def specimen(self) -> Program:
        """Return padded words."""
        return words()
