"""narrow-bottleneck: a hidden layer has too few units for what must pass through it."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._chain import chain as chain_of
from remedy.evidence.evidence import Evidence, LayerFacts, OutputFacts

RECURRENT = ("LSTM", "GRU", "SimpleRNN")
COLLAPSING = ("Flatten", "Global", *RECURRENT)
"""Beginnings of the kinds that turn many positions into one row."""


def _dense(*units: int) -> Evidence:
    """Return a specimen: dense layers of these widths, the last one the head."""
    return Evidence(
        layers=tuple(LayerFacts(f"dense_{i}", "Dense", "relu", n, kernel=True) for i, n in enumerate(units))
    )


class NarrowBottleneck(Detector):
    """A hidden layer has too few units for what must pass through it.

    What it sees: hidden dense and recurrent layers with one or two units, with few units and fewer
    than the classes to tell apart, or under a quarter of wider layers on both sides; convolutions
    for the last rule only, and where global pooling makes one row of their filters. Only layers
    in a plain chain behind the last join, and no models that give back their input.

    Why it matters: what a layer does not pass on, no later layer can bring back; and with relu a few
    units soon are all zero for a row, which stops its gradient.

    What helps: more units; widths that fall evenly from input to output.

    Source: plain reasoning on the rank of a layer; Szegedy et al., "Rethinking the Inception
    Architecture", CVPR 2016, section 2 (avoid representational bottlenecks).
    """

    code, name, severity = "ARC305", "narrow-bottleneck", "warning"
    remedies = ("widen-architecture",)
    fires_on = (_dense(4, 10), _dense(2, 1))
    silent_on = (_dense(64, 32, 10), _dense(8, 1))

    fewest: float = 2
    few: float = 16
    quarter: float = 0.25

    def detect(
        self,
        layers: Sequence[LayerFacts],
        outputs: Sequence[OutputFacts] | None = None,
        task: str | None = None,
    ) -> Finding | None:
        """Report the hidden layer that is narrowest for its place."""
        chain = [] if any(facts.rebuilds for facts in outputs or ()) else chain_of(layers, outputs)
        kernels = [layer for layer in chain if layer.kernel]
        if len(kernels) < 2:
            return None
        head = (outputs[0].units if outputs else None) or kernels[-1].units or 0
        worst: tuple[float, LayerFacts, str] | None = None
        for at, layer in enumerate(kernels[:-1]):
            conv, units = layer.kind.startswith("Conv"), layer.units or 0
            if units < 1 or not (conv or layer.kind in ("Dense", *RECURRENT)):
                continue
            same = [k.units or 0 if not conv or k.kind.startswith("Conv") else 0 for k in kernels[:-1]]
            before, after = max(same[:at], default=0), max(same[at + 1 :], default=0)
            whole, relu = _makes_rows(chain, layer, kernels[at + 1])
            wanted = head / 2 if task == "regression" else head
            found: tuple[float, LayerFacts, str] | None = None
            if units <= self.fewest and (whole or (units == 1 and layer.kind in RECURRENT)):
                found = (0.9 if units == 1 else 0.75, layer, "")
            elif whole and units <= self.few and head >= 3 and units < wanted:
                found = (0.8 if units <= head / 2 else 0.7, layer, f" for {head} outputs")
            elif (whole or conv) and units < self.quarter * min(before, after):
                found = (0.7, layer, f" between layers of {before} and {after}")
            elif whole and units <= self.few and head == units >= 3 and relu and task != "regression":
                found = (0.6, layer, f" with relu for {head} outputs")
            if found and (worst is None or found[0] > worst[0]):
                worst = found
        if worst is None:
            return None
        confidence, layer, why = worst
        return Finding(
            f"Hidden layer {layer.name!r} has {layer.units} unit{'' if layer.units == 1 else 's'}{why}, and all that "
            "the network knows of a row must pass through.",
            measured={"units": float(layer.units or 0), "outputs": float(head)},
            threshold=self.fewest if not why else self.quarter if "between" in why else float(head),
            confidence=confidence,
        )


def _makes_rows(chain: Sequence[LayerFacts], layer: LayerFacts, following: LayerFacts) -> tuple[bool, bool]:
    """Say whether the units are all there is of a row (not one of many positions), and whether a relu follows."""
    behind = chain[chain.index(layer) + 1 :]
    between = behind[: behind.index(following)]
    relu = any(part.activation == "relu" for part in (layer, *between))
    end = next((part for part in behind if part.kind.startswith(COLLAPSING)), None)
    if end is None:
        return not layer.kind.startswith("Conv"), relu
    return end in between and end.kind.startswith("Global"), relu
