"""missing-activation: layers with weights follow each other with nothing non-linear between."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts

MAPS = ("Dense", "Conv1D", "Conv2D", "Conv3D")
LINEAR = (  # Beginnings of the kinds that leave a linear map linear.
    *("BatchNormalization", "Normalization", "Rescaling", "Flatten", "Reshape", "Permute", "Repeat", "Identity"),
    *("Dropout", "SpatialDropout", "AlphaDropout", "Gaussian", "ActivityRegularization"),
    *("AveragePooling", "GlobalAveragePooling", "ZeroPadding", "Cropping", "UpSampling"),
)
KNOWN = (*LINEAR, "MaxPooling", "GlobalMaxPooling", "Embedding", "InputLayer", "Masking", "Random")


def _net(*between: LayerFacts) -> Evidence:
    """Return a specimen: a convolution without activation, layers behind it, and a head."""
    first = LayerFacts("conv", "Conv1D", "linear", 32, kernel=True)
    return Evidence(layers=(first, *between, LayerFacts("head", "Dense", "softmax", 10, kernel=True)))


class MissingActivation(Detector):
    """Layers with weights follow each other with nothing non-linear between.

    What it sees: dense layers and convolutions without activation whose output reaches the next
    one through linear layers only (dropout, averages, batch normalization) or through max pooling,
    in models that are plain chains. A layer at most half as wide as both its neighbours is taken
    for a factorisation on purpose, and models that give back their input are left out.

    Why it matters: a linear map of a linear map is one linear map, so two layers of weights can do
    no more than one. Max pooling alone is a weak non-linearity.

    What helps: an activation such as "relu" on every hidden layer.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.1 (why the hidden units
    need a non-linear function).
    """

    code, name, severity = "ARC301", "missing-activation", "warning"
    remedies = ("add-activation",)
    fires_on = (_net(LayerFacts("drop", "Dropout", rate=0.2)), _net(LayerFacts("pool", "MaxPooling1D")))
    silent_on = (_net(LayerFacts("norm", "BatchNormalization", normalizes=True), LayerFacts("act", "ReLU", "relu")),)

    pairs: float = 1

    def detect(
        self,
        layers: Sequence[LayerFacts],
        outputs: Sequence[OutputFacts] | None = None,
    ) -> Finding | None:
        """Name the layers whose output reaches the next weights as it is."""
        if not _is_chain(layers, outputs) or any(facts.rebuilds for facts in outputs or ()):
            return None
        found = _pairs([layer for layer in layers if layer.used])
        if not found or len(found) < self.pairs:
            return None
        weak = all(pooled for _, pooled in found)
        names = ", ".join(repr(name) for name, _ in found[:4]) + (", ..." if len(found) > 4 else "")
        return Finding(
            f"{len(found)} of {sum(layer.kernel for layer in layers)} layers with weights ({names}) reach the next one "
            f"without an activation{', with max pooling alone between' if weak else ''}: two act as one linear map.",
            measured={"pairs": float(len(found))},
            threshold=self.pairs,
            confidence=0.6 if weak else 0.9,
        )


def _is_chain(layers: Sequence[LayerFacts], outputs: Sequence[OutputFacts] | None) -> bool:
    """Say whether the layers are known to follow each other one by one."""
    if outputs is not None and (len(outputs) != 1 or all(layer.name != outputs[0].name for layer in layers)):
        return False
    known = (layer.kernel or layer.normalizes or layer.activation or layer.kind.startswith(KNOWN) for layer in layers)
    return all(known) and not any(layer.joins for layer in layers)


def _pairs(layers: Sequence[LayerFacts]) -> list[tuple[str, bool]]:
    """Return each linear layer that reaches the next weights, and whether a max pooling lies between."""
    found: list[tuple[str, bool]] = []
    kernels: list[LayerFacts] = []
    linear = pooled = embedded = False  # Of what the next layer reads.
    for layer in layers:
        if layer.kind in MAPS and layer.kernel:
            around = [k.units or 0 for k in (*kernels[-2:-1], layer)]
            if linear and not (len(around) == 2 and 2 * (kernels[-1].units or 0) <= min(around)):
                found.append((kernels[-1].name, pooled))
            linear, pooled = layer.activation == "linear" and not embedded, False
        elif layer.kind.startswith("MaxPooling"):
            pooled = True
        elif not layer.kind.startswith(LINEAR):
            linear = False
        kernels += [layer] if layer.kernel else []
        embedded = layer.kind == "Embedding" or (embedded and "Dropout" in layer.kind)
    return found
