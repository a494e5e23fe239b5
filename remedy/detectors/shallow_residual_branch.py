"""shallow-residual-branch: what is added to a shortcut is hardly deeper than the shortcut."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts


class ShallowResidualBranch(Detector):
    """A block adds one layer to its shortcut, where residual blocks have two or three: was one left out?

    What it sees: an Add whose two ways back to the layer where they part hold at most one layer with
    weights each.

    Why it matters: a shortcut helps because the other way is a function of several layers. With one
    layer the block is little more than a linear one. Mostly a layer was defined, in a helper or a
    function of its own, and never called: nothing of it is in the network, and nothing fails.

    What helps: looking whether every layer of the block is called; two or three layers beside the
    shortcut.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 3.2: with a
    single layer beside the shortcut no advantages were observed.
    """

    code, name, severity = "ARC309", "shallow-residual-branch", "warning"
    fires_on = (Evidence(layers=(LayerFacts("add", "Add", joins=True, branches=(1, 1)),)),)
    silent_on = (
        Evidence(layers=(LayerFacts("add", "Add", joins=True, branches=(2, 1)),)),
        Evidence(layers=(LayerFacts("add", "Add", joins=True),)),
    )

    def detect(self, layers: Sequence[LayerFacts]) -> Finding | None:
        """Name the blocks whose longest way has one layer with weights."""
        found = [layer.name for layer in layers if layer.used and layer.branches and max(layer.branches) == 1]
        if not found:
            return None
        named = ", ".join(map(repr, found[:4])) + (", ..." if len(found) > 4 else "")
        each = "each adds" if len(found) > 1 else "adds"
        return Finding(
            f"{named} {each} a way of 1 layer with weights to its shortcut, where residual blocks have 2 or 3: "
            f"was a layer defined and never called?",
            measured={"blocks": float(len(found))},
            threshold=2.0,
        )
