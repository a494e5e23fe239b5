"""dead-units: most units of a relu layer answer zero to every row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Look


class DeadUnits(Detector):
    """Most units of a relu layer answer zero to every row that was looked at.

    What it sees: for every relu layer the share of units (channels) that are zero on all rows of
    the latest look.

    Why it matters: a unit that is never positive gets no gradient and stays as it is. When a whole
    layer has died, nothing behind it depends on the input any more.

    What helps: a smaller learning rate, scaled inputs, another initializer, leaky activations,
    normalization layers.

    Source: Lu, Shin, Su, Karniadakis, "Dying ReLU and Initialization: Theory and Numerical
    Examples", 2019; published checkers ask for 50 to 70 % of a layer's units.
    """

    code, name, severity = "OPT411", "dead-units", "warning"
    remedies = (
        "swap-activation",
        "initializer",
        "add-normalization",
        "learning-rate",
        "scale-inputs",
        "simplify-architecture",
    )
    fires_on = (Evidence(looks=(Look(2, dead={"dense": 0.2, "dense_1": 1.0}),)),)
    silent_on = (Evidence(looks=(Look(2, dead={"dense": 0.2, "dense_1": 0.3}),)),)

    fraction: float = 0.7

    def detect(self, looks: Sequence[Look]) -> Finding | None:
        """Find the layer with the largest share of dead units."""
        dead = {k: v for k, v in looks[-1].dead.items() if math.isfinite(v)} if looks else {}
        if not dead:
            return None
        name = max(dead, key=dead.__getitem__)
        if dead[name] < self.fraction:
            return None
        whole = sum(share >= 1.0 for share in dead.values())
        others = f"; {whole} of {len(dead)} such layers are dead as a whole" if whole else ""
        return Finding(
            f"{dead[name]:.0%} of the units of layer {name} are zero on every row{others}.",
            measured={"dead": dead[name], "dead_layers": float(whole)},
            threshold=self.fraction,
            confidence=0.97 if whole else 0.7,
        )
