"""unconnected-layer: a layer belongs to the model and to no path to an output."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts


class UnconnectedLayer(Detector):
    """A layer belongs to the model but to no path to an output.

    What it sees: layers, and inputs, that nothing on the way to an output reads.

    Why it matters: such a layer never learns and what it was meant to do does not happen; mostly a
    later line reads the wrong variable, or a layer was made and never called.

    What helps: calling the layer where it belongs, or taking it out.

    Source: plain reasoning: the output is no function of such a layer, so its gradient is zero.
    """

    code, name, severity = "ARC307", "unconnected-layer", "warning"
    fires_on = (
        Evidence(
            layers=(
                LayerFacts("age", "InputLayer", used=False),
                LayerFacts("head", "Dense", "softmax", 3, kernel=True),
            )
        ),
    )
    silent_on = (Evidence(layers=(LayerFacts("head", "Dense", "softmax", 3, kernel=True),)),)

    def detect(self, layers: Sequence[LayerFacts]) -> Finding | None:
        """Name the layers that no output reads."""
        loose = [layer for layer in layers if not layer.used]
        if not loose:
            return None
        named = ", ".join(f"{layer.name!r} ({layer.kind})" for layer in loose[:5]) + (", ..." if len(loose) > 5 else "")
        are = "is" if len(loose) == 1 else "are"
        return Finding(
            f"{len(loose)} of {len(layers)} layers {are} on no path to an output: {named}.",
            measured={"layers": float(len(loose))},
            threshold=1.0,
        )
