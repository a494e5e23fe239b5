"""The part of a network whose layers are known to follow each other."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.evidence.evidence import LayerFacts, OutputFacts


def chain(layers: Sequence[LayerFacts], outputs: Sequence[OutputFacts] | None) -> list[LayerFacts]:
    """Return the layers behind the last join, in order.

    There are none where the model has several outputs, or where its head is inside another layer.

    Args:
        layers: As in the evidence.
        outputs: As in the evidence; None trusts the order.
    """
    if outputs is not None and (len(outputs) != 1 or all(layer.name != outputs[0].name for layer in layers)):
        return []
    start = max((i for i, layer in enumerate(layers, 1) if layer.joins), default=0)
    return [layer for layer in layers[start:] if layer.used]
