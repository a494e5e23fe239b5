"""over-regularised: a weight penalty is so strong that it rules the loss."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, LayerFacts


class OverRegularised(Detector):
    """A penalty on weights is so strong that it rules the loss.

    What it sees: the largest L1 or L2 factor on the weights of each layer. For regression it is
    taken relative to the loss of the best constant answer where that is above 1, because a loss in
    the thousands outweighs any usual penalty.

    Why it matters: the penalty is added to the loss; at this strength making weights small pays more
    than fitting the rows, so the weights shrink towards zero and the outputs to a constant.

    What helps: a factor of 0.01 or less, or none until the network fits its training rows.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 7.1 (parameter norm
    penalties); the Keras documentation uses 0.01 as the default factor of L1 and L2.
    """

    code, name, severity = "ARC306", "over-regularised", "warning"
    remedies = ("regularise",)
    fires_on = (
        Evidence(layers=(LayerFacts("hidden", "Dense", "relu", 64, penalty=0.5, kernel=True),)),
        Evidence(layers=(LayerFacts("conv", "Conv2D", "relu", 32, penalty=0.1, kernel=True),)),
    )
    silent_on = (
        Evidence(layers=(LayerFacts("hidden", "Dense", "relu", 64, penalty=0.01, kernel=True),)),
        Evidence(
            task="regression",
            prior_loss=2500.0,
            layers=(LayerFacts("hidden", "Dense", "relu", 64, penalty=0.5, kernel=True),),
        ),
    )

    largest: float = 0.1

    def detect(
        self, layers: Sequence[LayerFacts], task: str | None = None, prior_loss: float | None = None
    ) -> Finding | None:
        """Report the layer with the strongest penalty."""
        strong = [layer for layer in layers if layer.used and layer.kernel and layer.penalty >= self.largest]
        if not strong:
            return None
        worst = max(strong, key=lambda layer: layer.penalty)
        scale = max(1.0, prior_loss or 1.0) if task == "regression" else 1.0
        if worst.penalty / scale < self.largest:
            return None
        more = f"; {len(strong)} layers have one of {self.largest:g} or more" if len(strong) > 1 else ""
        return Finding(
            f"Layer {worst.name!r} has a weight penalty with factor {worst.penalty:g}, "
            f"{worst.penalty / 0.01:.0f} times the usual 0.01{more}.",
            measured={"penalty": worst.penalty, "layers": float(len(strong))},
            threshold=self.largest,
            confidence=min(0.95, 0.7 + worst.penalty / scale / 4),
        )
