"""oversized-head: a dense layer behind a Flatten has many times more weights than there are training rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._chain import chain as chain_of
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts, OutputFacts


def _pictures(units: int, *between: LayerFacts) -> Evidence:
    """Return a specimen: two convolutions on pictures of 32 by 32, pooled once, and a dense layer of so many units."""
    return Evidence(
        n_train=2000,
        inputs=(InputFacts("image", (32, 32, 1), 0.0, 1.0, 0.5, 0.3),),
        layers=(
            LayerFacts("conv", "Conv2D", "relu", 32, kernel=True),
            LayerFacts("conv_1", "Conv2D", "relu", 64, kernel=True),
            LayerFacts("pool", "MaxPooling2D", shrinks=True, thins=4),
            *(between or (LayerFacts("flatten", "Flatten"),)),
            LayerFacts("dense", "Dense", "relu", units, kernel=True),
            LayerFacts("head", "Dense", "softmax", 2, kernel=True),
        ),
    )


class OversizedHead(Detector):
    """A dense layer behind a Flatten has many times more weights than there are training rows.

    What it sees: convolutions, pooled or not, then Flatten, then a dense layer with fifty and more weights
    for every training row (positions that strides leave, times filters, times units: an upper bound, for
    convolutions without padding cut the rim off).

    Why it matters: behind a Flatten every position has weights of its own. What is learned at one
    position is unknown at the next, and so many weights learn the rows by heart.

    What helps: global pooling in the place of Flatten; fewer units.

    Source: Lin, Chen and Yan, "Network In Network", ICLR 2014, section 3.2. The threshold is between
    AlexNet (37 million weights for 1.2 million photos, 31 a photo, which needed dropout and augmentation:
    Krizhevsky et al., NIPS 2012, section 4) and VGG16 (80 a photo).
    """

    code, name, severity = "ARC310", "oversized-head", "warning"
    remedies = ("global-pooling", "simplify-architecture")
    fires_on = (_pictures(128),)
    silent_on = (_pictures(4), _pictures(128, LayerFacts("gap", "GlobalAveragePooling2D", shrinks=True)))

    weights_per_row: float = 50

    def detect(
        self,
        inputs: Sequence[InputFacts],
        layers: Sequence[LayerFacts],
        n_train: int,
        outputs: Sequence[OutputFacts] | None = None,
    ) -> Finding | None:
        """Count the weights of the dense layer behind a Flatten."""
        chain = chain_of(layers, outputs)
        at = next((i for i, layer in enumerate(chain) if layer.kind == "Flatten"), None)
        if at is None or len(inputs) != 1 or len(inputs[0].shape) < 2:
            return None
        convolutions = [layer for layer in chain[:at] if "Conv" in layer.kind and layer.units]
        dense = next((layer for layer in chain[at:] if layer.kernel), None)
        if not convolutions or dense is None:
            return None
        positions = math.prod(inputs[0].shape[:-1]) // math.prod(layer.thins for layer in chain[:at])
        weights = positions * (convolutions[-1].units or 0) * (dense.units or 0)
        if weights < self.weights_per_row * n_train:
            return None
        return Finding(
            f"Layer {dense.name!r} reads {positions} positions of {convolutions[-1].units} maps through a Flatten: up "
            f"to {weights:,} weights for {n_train} training rows.",
            measured={"weights": float(weights), "rows": float(n_train)},
            threshold=self.weights_per_row * n_train,
            confidence=0.6,
        )
