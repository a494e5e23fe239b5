"""non-finite-loss: the loss or the outputs are no longer finite numbers."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class NonFiniteLoss(Detector):
    """The loss, or an output, is NaN or infinite.

    What it sees: the first epoch whose loss, validation loss or probe outputs are not all finite.

    Why it matters: every weight that such a step touches becomes NaN, and no later epoch can bring
    it back.

    What helps: a smaller learning rate, scaled inputs; look for NaN in the data itself.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 10.11.1 (clipping).
    """

    code, name, severity, symptom = "OPT402", "non-finite-loss", "error", True
    remedies = (
        "learning-rate",
        "swap-activation",
        "scale-inputs",
        "clip-gradients",
        "initializer",
        "add-normalization",
        "optimizer",
    )
    fires_on = (
        Evidence(loss=(0.9, float("nan")), nonfinite_epoch=1, nonfinite_what="loss"),
        Evidence(loss=(float("inf"),), nonfinite_epoch=0, nonfinite_what="loss"),
    )
    silent_on = (Evidence(loss=(0.9, 0.7)),)

    def detect(
        self, loss: Sequence[float], nonfinite_epoch: int | None = None, nonfinite_what: str = "loss"
    ) -> Finding | None:
        """Report the first epoch with a number that is not finite."""
        if nonfinite_epoch is None:
            return None
        before = loss[nonfinite_epoch - 1] if 0 < nonfinite_epoch <= len(loss) else None
        last = "" if before is None else f"; the loss before was {before:.4g}"
        return Finding(
            f"The {nonfinite_what} stopped being a finite number in epoch {nonfinite_epoch + 1}{last}.",
            measured={"epoch": float(nonfinite_epoch + 1)},
        )
