"""overfitting: training goes on improving while validation gets worse."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class Overfitting(Detector):
    """The training loss keeps falling while the validation loss has long been rising.

    What it sees: how far the validation loss is above its best value, how many epochs ago that was,
    and whether the training loss fell meanwhile.

    Why it matters: from the best epoch on the network learns its training rows by heart; the
    weights it ends with are worse than those it had.

    What helps: stopping at the best epoch, dropout or a weight penalty, more or augmented rows, a
    smaller network.

    Source: Prechelt, "Early Stopping - But When?", in Neural Networks: Tricks of the Trade, 1998
    (generalisation loss).
    """

    code, name, severity = "GEN401", "overfitting", "warning"
    remedies = ("regularise", "augmentation", "global-pooling", "simplify-architecture")
    fires_on = (Evidence(loss=(0.9, 0.6, 0.4, 0.2, 0.1, 0.05), val_loss=(0.9, 0.7, 0.65, 0.75, 0.9, 1.1)),)
    silent_on = (Evidence(loss=(0.9, 0.6, 0.4, 0.3, 0.25, 0.22), val_loss=(0.9, 0.65, 0.45, 0.36, 0.33, 0.34)),)

    rise: float = 0.25
    epochs: int = 3
    solved: float = 0.1
    chance: float = 0.5

    def detect(
        self,
        loss: Sequence[float],
        val_loss: Sequence[float],
        prior_loss: float | None = None,
        val_score: Sequence[float] | None = None,
        constant_score: float | None = None,
    ) -> Finding | None:
        """Compare the validation loss with its best value."""
        if len(loss) != len(val_loss) or len(val_loss) <= self.epochs:
            return None
        if not all(math.isfinite(v) for v in (*val_loss, *loss)):
            return None
        if val_score and constant_score and val_score[-1] < self.chance * constant_score:
            return None  # Worse than chance is no matter of learning by heart: the labels mean something else.
        best = min(range(len(val_loss)), key=val_loss.__getitem__)
        lowest = val_loss[best]
        if len(val_loss) - 1 - best < self.epochs or lowest <= 0 or loss[-1] >= loss[best]:
            return None
        if min(val_loss[-2:]) < (1 + self.rise) * lowest:
            return None
        if val_loss[-1] < self.solved * (val_loss[0] if prior_loss is None else prior_loss):
            return None  # Jitter near zero on a task that is solved.
        return Finding(
            f"The validation loss was lowest in epoch {best + 1} ({lowest:.4g}) and is {val_loss[-1]:.4g} now; "
            f"the training loss fell from {loss[best]:.4g} to {loss[-1]:.4g} meanwhile.",
            measured={"rise": val_loss[-1] / lowest - 1, "best_epoch": float(best + 1)},
            threshold=self.rise,
            confidence=0.8,
        )
