"""too-deep-without-normalization: a long plain stack with neither normalization nor shortcuts."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._chain import chain as chain_of
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts

STACKED = ("Dense", "Conv", "SeparableConv", "DepthwiseConv")
SATURATING = ("sigmoid", "hard_sigmoid", "tanh", "hard_tanh", "softsign")
VARIANCE_KEEPING = ("He", "VarianceScaling")
FOR_CONVOLUTIONS = ("add-normalization", "simplify-architecture", "initializer")
PASSING = (  # Beginnings of the kinds that a stack goes on through.
    *("Dropout", "SpatialDropout", "AlphaDropout", "Gaussian", "ActivityRegularization", "Identity"),
    *("MaxPooling", "AveragePooling", "GlobalMaxPooling", "GlobalAveragePooling"),
    *("Flatten", "Reshape", "Permute", "ZeroPadding", "Cropping", "UpSampling"),
)


class TooDeepWithoutNormalization(Detector):
    """A long plain stack of layers has neither normalization layers nor shortcuts.

    What it sees: the longest row of hidden dense layers and convolutions with activations, with no
    normalization and no joining layer between; sigmoid and tanh rows count sooner, relu rows with
    He initialization later, selu rows not at all.

    Why it matters: every layer scales the signal and its gradient a little, and the scales
    multiply: a relu behind Keras' default Glorot weights halves the variance each time, a sigmoid
    passes on at most a quarter of its gradient.

    What helps: a normalization layer between weights and activation, shortcuts, fewer layers. Rows of
    convolutions are normalized first, for depth is what they see by; rows of dense layers are cut first.

    Source: Glorot and Bengio, AISTATS 2010 (sigmoid and tanh stacks of five layers); He et al.,
    "Delving Deep into Rectifiers", ICCV 2015, section 2.2; Klambauer et al., "Self-Normalizing
    Neural Networks", NIPS 2017 (selu).
    """

    code, name, severity = "ARC302", "too-deep-without-normalization", "warning"
    remedies = ("simplify-architecture", "add-normalization", "initializer")
    fires_on = (
        Evidence(layers=tuple(LayerFacts(f"d{i}", "Dense", "relu", 32, kernel=True) for i in range(13))),
        Evidence(layers=tuple(LayerFacts(f"d{i}", "Dense", "sigmoid", 32, kernel=True) for i in range(7))),
    )
    silent_on = (
        Evidence(layers=tuple(LayerFacts(f"d{i}", "Dense", "relu", 32, kernel=True) for i in range(6))),
        Evidence(layers=tuple(LayerFacts(f"d{i}", "Dense", "selu", 32, kernel=True) for i in range(13))),
    )

    depth: float = 10
    saturating: float = 5

    def detect(self, layers: Sequence[LayerFacts], outputs: Sequence[OutputFacts] | None = None) -> Finding | None:
        """Find the longest row of activations without normalization."""
        chain = _hidden(chain_of(layers, outputs))
        row, bound = max(_rows(chain), key=len), max(_rows(chain, SATURATING), key=len)
        kept = all((layer.initializer or "").startswith(VARIANCE_KEEPING) for layer, _ in row)
        if len(bound) >= self.saturating:
            row, threshold = bound, self.saturating
        elif len(row) >= self.depth * (2 if kept else 1) and any(function != "selu" for _, function in row):
            threshold = self.depth
        else:
            return None
        functions = list(dict.fromkeys(function for _, function in row))
        return Finding(
            f"{len(row)} layers with weights follow each other from {row[0][0].name!r} to {row[-1][0].name!r} "
            f"({', '.join(functions)}) with neither normalization nor a shortcut.",
            measured={"layers": float(len(row))},
            threshold=threshold,
            confidence=0.8 if "sigmoid" in functions else 0.6 if row is bound else 0.7,
            remedies=FOR_CONVOLUTIONS if _mostly_convolutions(row) else None,
        )


def _mostly_convolutions(row: Sequence[tuple[LayerFacts, str]]) -> bool:
    return 2 * sum("Conv" in layer.kind for layer, _ in row) > len(row)


def _rows(chain: Sequence[LayerFacts], only: Sequence[str] | None = None) -> list[list[tuple[LayerFacts, str]]]:
    """Return the rows of layers with weights and activation (one of ``only``) that nothing interrupts."""
    rows: list[list[tuple[LayerFacts, str]]] = [[]]
    waiting: LayerFacts | None = None  # Weights whose activation is a layer of its own.
    for layer in chain:
        stacked = layer.kernel and layer.kind.startswith(STACKED)
        function = layer.activation if layer.activation != "linear" else None
        weights = layer if stacked else waiting
        if function is None and (stacked or layer.kind.startswith(PASSING)):
            waiting = weights
        elif function is None or (layer.kernel and not stacked) or (only is not None and function not in only):
            rows, waiting = [*rows, []], None
        elif weights is not None:
            rows[-1].append((weights, function))
            waiting = None
    return rows


def _hidden(found: list[LayerFacts]) -> list[LayerFacts]:
    """Leave the head out."""
    return found[: max((i for i, layer in enumerate(found) if layer.kernel), default=0)]
