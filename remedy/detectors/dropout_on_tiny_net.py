"""dropout-on-tiny-net: dropout on so few units that it takes away what the network needs."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._chain import chain as chain_of
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts

UNITS = ("Dense", "LSTM", "GRU", "SimpleRNN")
PASSING = ("Dropout", "AlphaDropout", "Gaussian", "Flatten", "Reshape", "Masking", "InputLayer", "Identity")


def _net(units: int) -> Evidence:
    """Return a specimen: dropout behind one hidden layer of so many units."""
    hidden, drop = LayerFacts("hidden", "Dense", "relu", units, kernel=True), LayerFacts("drop", "Dropout", rate=0.5)
    return Evidence(layers=(hidden, drop, LayerFacts("head", "Dense", "softmax", 3, kernel=True)))


class DropoutOnTinyNet(Detector):
    """Dropout works on so few units that it takes away what the network needs.

    What it sees: dropout right behind a dense or recurrent layer of few units, and dropout anywhere
    in a network whose widest hidden layer has few units: so few that eight or fewer are left.
    Filters of convolutions do not count: each of them gives many values.

    Why it matters: dropout averages over many thinned networks; of a handful of units too little is
    left for any of them to fit the data, and a small network hardly overfits in the first place.

    What helps: no dropout, or more units: to keep n units at rate p takes about n / (1 - p).

    Source: Srivastava et al., "Dropout", JMLR 15, 2014, appendix A.1 (a layer that is right without
    dropout should have n / (1 - p) units with it).
    """

    code, name, severity = "ARC304", "dropout-on-tiny-net", "warning"
    remedies = ("less-dropout",)
    fires_on = (_net(8),)
    silent_on = (_net(64),)

    rate: float = 0.2
    left: float = 8

    def detect(self, layers: Sequence[LayerFacts], outputs: Sequence[OutputFacts] | None = None) -> Finding | None:
        """Find the dropout that leaves the fewest units."""
        used = [layer for layer in layers if layer.used]
        drops = [layer for layer in used if self.rate <= (layer.rate or 0) <= 1]
        pairs = _behind(chain_of(used, outputs))
        hidden = [layer for layer in used if layer.kernel][:-1]
        if hidden and all(layer.kind in UNITS for layer in hidden) and all(_is_plain(layer) for layer in used):
            widest = max(hidden, key=lambda layer: layer.units or 0)
            pairs += [(widest, drop) for drop in drops]
        few = [
            (layer, drop)
            for layer, drop in pairs
            if drop in drops and 0 < (layer.units or 0) * (1 - (drop.rate or 0)) <= self.left
        ]
        if not few:
            return None
        layer, drop = min(few, key=lambda pair: (pair[0].units or 0) * (1 - (pair[1].rate or 0)))
        units, rate = float(layer.units or 0), drop.rate or 0.0
        return Finding(
            f"Dropout layer {drop.name!r} drops {rate:.0%} in a network that has {units:g} units at {layer.name!r}: "
            f"{units * (1 - rate):.1f} are left on average.",
            measured={"units": units, "rate": rate},
            threshold=self.left,
            confidence=0.8 if units * (1 - rate) <= self.left / 2 else 0.7,
        )


def _is_plain(layer: LayerFacts) -> bool:
    """Say whether a layer surely adds no width of its own: no embedding, no join, nothing custom."""
    return bool(layer.kernel or layer.normalizes or layer.activation or layer.kind.startswith(PASSING))


def _behind(chain: Sequence[LayerFacts]) -> list[tuple[LayerFacts, LayerFacts]]:
    """Return each dropout with the layer of units right before it."""
    found: list[tuple[LayerFacts, LayerFacts]] = []
    before: LayerFacts | None = None
    for layer in chain:
        if layer.kernel:
            before = layer if layer.kind in UNITS else None
        elif layer.rate is not None and before:
            found.append((before, layer))
        elif not (layer.rate is not None or layer.activation or layer.normalizes):
            before = None
    return found
