"""no-downsampling: convolutions keep the full resolution up to a Flatten, and a dense layer reads all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._chain import chain as chain_of
from remedy.evidence.evidence import Evidence, InputFacts, LayerFacts, OutputFacts


def _pictures(*between: LayerFacts) -> Evidence:
    """Return a specimen: two convolutions on pictures of 32 by 32, something between them, a dense layer, a head."""
    return Evidence(
        n_train=800,
        inputs=(InputFacts("image", (32, 32, 1), 0.0, 1.0, 0.5, 0.3),),
        layers=(
            LayerFacts("conv", "Conv2D", "relu", 8, kernel=True),
            *between,
            LayerFacts("conv_1", "Conv2D", "relu", 32, kernel=True),
            LayerFacts("flatten", "Flatten"),
            LayerFacts("dense", "Dense", "relu", 240, kernel=True),
            LayerFacts("head", "Dense", "softmax", 2, kernel=True),
        ),
    )


class NoDownsampling(Detector):
    """Convolutions keep the full resolution up to a Flatten, and a dense layer reads all of it.

    What it sees: two or more convolutions in a row without pooling or stride, then Flatten, then a
    dense layer with a thousand and more weights for every training row (positions of the input times
    filters times units: an upper bound, for convolutions without padding cut the rim off).

    Why it matters: that layer has nearly all weights of the network and learns the rows by heart;
    and every convolution computes each position, so an epoch takes several times as long as it need.

    What helps: a stride of 2 in the first convolution, pooling between convolutions, global pooling
    in the place of Flatten.

    Source: Lin, Chen and Yan, "Network In Network", ICLR 2014, section 3.2 (dense layers behind
    convolutions overfit); Springenberg et al., "Striving for Simplicity", ICLR 2015 (strides).
    """

    code, name, severity = "ARC308", "no-downsampling", "warning"
    remedies = ("simplify-architecture", "global-pooling")
    fires_on = (_pictures(),)
    silent_on = (
        _pictures(LayerFacts("pool", "MaxPooling2D", shrinks=True)),
        Evidence(
            n_train=800,
            inputs=(InputFacts("signal", (24, 1), 0.0, 1.0, 0.5, 0.3),),
            layers=_pictures().layers,
        ),
    )

    weights_per_row: float = 1000

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
        if len(convolutions) < 2 or dense is None or any(layer.shrinks for layer in chain[:at]):
            return None
        positions = math.prod(inputs[0].shape[:-1])
        weights = positions * (convolutions[-1].units or 0) * (dense.units or 0)
        if weights < self.weights_per_row * n_train:
            return None
        return Finding(
            f"{len(convolutions)} convolutions keep all of the {positions} positions, and layer {dense.name!r} behind "
            f"the Flatten has up to {weights:,} weights for {n_train} training rows: no pooling, no stride.",
            measured={"weights": float(weights), "rows": float(n_train)},
            threshold=self.weights_per_row * n_train,
            confidence=0.8,
        )
