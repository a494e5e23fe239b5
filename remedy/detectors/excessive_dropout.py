"""excessive-dropout: dropout layers leave next to nothing of the signal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._chain import chain as chain_of
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts


class ExcessiveDropout(Detector):
    """Dropout layers leave next to nothing of the signal.

    What it sees: the largest dropout rate, and the share of paths through all dropout layers that a
    training step keeps, the product of (1 - rate). Layers before a join count by themselves only,
    because a shortcut may pass them by.

    Why it matters: the noise of several layers multiplies, and below a fifth hardly any gradient
    belongs to the same network from step to step: the network cannot fit its own training rows.

    What helps: rates of 0.2 to 0.5, on fewer layers, once the network can overfit.

    Source: Srivastava et al., "Dropout", JMLR 15, 2014 (rates around 0.5 for hidden units, 0.2 for
    inputs); the bounds leave room for a usual 0.25, 0.25, 0.5.
    """

    code, name, severity = "ARC303", "excessive-dropout", "warning"
    remedies = ("less-dropout",)
    fires_on = (
        Evidence(layers=tuple(LayerFacts(f"drop_{i}", "Dropout", rate=0.6) for i in range(4))),
        Evidence(layers=(LayerFacts("drop", "Dropout", rate=0.8),)),
    )
    silent_on = (
        Evidence(layers=(LayerFacts("drop", "Dropout", rate=0.5),)),
        Evidence(layers=tuple(LayerFacts(f"drop_{i}", "Dropout", rate=0.25) for i in range(3))),
    )

    keep: float = 0.2
    largest: float = 0.7

    def detect(self, layers: Sequence[LayerFacts], outputs: Sequence[OutputFacts] | None = None) -> Finding | None:
        """Judge the largest rate and all rates together."""
        chain = chain_of(layers, outputs)
        rates = [_rate(layer) for layer in chain if _rate(layer) > 0]
        kept = math.prod(1 - rate for rate in rates)
        worst = max((layer for layer in layers if layer.used), key=_rate, default=None)
        if worst is None or (_rate(worst) < self.largest and kept >= self.keep):
            return None
        measured = {"keep": kept, "largest": _rate(worst)}
        early = _early(chain)
        also = f"; {early!r} stands before the activation of its layer as well" if early else ""
        if kept < self.keep and len(rates) > 1:
            spelled = ", ".join(f"{rate:g}" for rate in rates[:6]) + (", ..." if len(rates) > 6 else "")
            says = (
                f"{len(rates)} dropout layers ({spelled}) leave {kept:.1%} of the paths through the network at a step"
            )
            return Finding(f"{says}{also}.", measured, self.keep, 0.95 - kept)
        says = f"Layer {worst.name!r} drops {_rate(worst):.0%} of what it reads at every step"
        return Finding(f"{says}{also}.", measured, self.largest, 0.8)


def _rate(layer: LayerFacts) -> float:
    return layer.rate if layer.rate is not None and 0 <= layer.rate <= 1 else 0.0


def _early(chain: Sequence[LayerFacts]) -> str | None:
    """Return the first dropout between weights and their own activation; relu is the same on either side of it."""
    raw, drop = False, None
    for layer in chain:
        if layer.kernel:
            raw, drop = layer.activation == "linear", None
        elif _rate(layer) > 0:
            drop = layer.name if raw else None
        elif layer.activation not in (None, "linear"):
            if drop and layer.activation not in ("relu", "leaky_relu"):
                return drop
            raw = False
    return None
