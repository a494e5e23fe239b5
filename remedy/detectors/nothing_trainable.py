"""nothing-trainable: every layer is frozen."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts

WITHOUT_WEIGHTS = (
    *("Input", "Dropout", "Flatten", "Reshape", "Permute", "Pooling", "Activation", "ReLU", "ELU", "Softmax"),
    *("Rescaling", "Resizing", "Random", "Padding", "Cropping", "UpSampling", "Masking", "Identity", "Noise"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "Repeat"),
)
"""Parts of the names of Keras' layers that hold no weights."""


class NothingTrainable(Detector):
    """No layer with a kernel is trained: all of them are frozen, the head included.

    What it sees: the setting `trainable` of every layer.

    Why it matters: no weight moves, so no epoch makes a difference. `model.trainable = False` freezes everything that
    the model holds at that moment, the head included where it was added before.

    What helps: to train the head, or everything.

    Source: Keras' guide "Transfer learning and fine-tuning", on the recursive setting of `trainable`.
    """

    code, name, severity = "ARC314", "nothing-trainable", "error"
    remedies = ("unfreeze",)
    fires_on = (
        Evidence(
            layers=(LayerFacts("c", "Conv2D", units=8, frozen=True), LayerFacts("d", "Dense", units=3, frozen=True))
        ),
    )
    silent_on = (Evidence(layers=(LayerFacts("c", "Conv2D", units=8, frozen=True), LayerFacts("d", "Dense", units=3))),)

    def detect(self, layers: Sequence[LayerFacts]) -> Finding | None:
        """Report a model all of whose kernels are frozen."""
        layers = [layer for layer in layers if not layer.operation]
        holding = [layer for layer in layers if not any(part in layer.kind for part in WITHOUT_WEIGHTS)]
        kernels = [layer for layer in holding if layer.units is not None]
        if not kernels or not all(layer.frozen for layer in holding):
            return None
        return Finding(
            f"All {len(kernels)} layers with weights are frozen, {kernels[-1].name!r} at the end included: no step "
            "changes anything.",
            measured={"frozen": float(len(kernels))},
            confidence=1.0,
        )
