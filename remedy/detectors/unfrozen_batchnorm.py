"""unfrozen-batchnorm: the BatchNormalization of a frozen backbone is trained."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts


class UnfrozenBatchnorm(Detector):
    """Kernels of a backbone are frozen, the BatchNormalization layers between them are not.

    What it sees: BatchNormalization layers that are trained, in front of a layer whose kernel is frozen.

    Why it matters: frozen kernels expect what the loaded averages gave them. A BatchNormalization that is trained works
    with the statistics of a batch, and in inference with averages that move with every step; few rows, or small
    batches, and the two differ.

    What helps: BatchNormalization in inference mode, which is what freezing it means in Keras.

    Source: Keras' guide "Transfer learning and fine-tuning", section on BatchNormalization.
    """

    code, name, severity = "ARC315", "unfrozen-batchnorm", "warning"
    remedies = ("batchnorm-inference",)
    fires_on = (Evidence(layers=(LayerFacts("bn", "BatchNormalization"), LayerFacts("conv", "Conv2D", frozen=True))),)
    silent_on = (
        Evidence(layers=(LayerFacts("bn", "BatchNormalization"), LayerFacts("conv", "Conv2D", kernel=True))),
        Evidence(
            layers=(LayerFacts("bn", "BatchNormalization", inference=True), LayerFacts("c", "Conv2D", frozen=True))
        ),
    )

    def detect(self, layers: Sequence[LayerFacts]) -> Finding | None:
        """Count the trained normalizations in front of the last frozen kernel."""
        frozen = [i for i, layer in enumerate(layers) if layer.frozen and layer.kind != "BatchNormalization"]
        last = max((i for i in frozen if layers[i].units is not None or "Conv" in layers[i].kind), default=-1)
        norms = [layer for layer in layers[: last + 1] if layer.kind == "BatchNormalization"]
        free = [layer for layer in norms if not (layer.frozen or layer.inference)]
        if not free:
            return None
        return Finding(
            f"{len(free)} BatchNormalization layers are trained in front of the frozen {layers[last].name!r}: what the "
            "frozen layers read moves with every batch.",
            measured={"trained": float(len(free))},
            confidence=0.7,
        )
