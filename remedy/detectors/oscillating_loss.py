"""oscillating-loss: the loss swings from epoch to epoch and gets nowhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class OscillatingLoss(Detector):
    """The loss on the same rows swings from epoch to epoch, and the swings get it nowhere.

    What it sees: the loss on fixed rows (probe rows, else the training loss) over the second half
    of the run so far: how often it turns up by more than a tenth, and whether its best value is
    better than that of the first half.

    Why it matters: steps that are too long jump across the valley; where the run ends is a matter
    of luck.

    What helps: a smaller learning rate or one that decays, larger batches, less momentum, clipped
    gradients.

    Source: Bengio, "Practical recommendations for gradient-based training of deep architectures",
    2012, section 3.1.1; published checkers ask for swings in a fifth of the epochs.
    """

    code, name, severity, symptom = "OPT406", "oscillating-loss", "warning", True
    remedies = ("learning-rate", "scale-inputs", "batch-size", "optimizer", "clip-gradients")
    fires_on = (Evidence(loss=(0.9, 0.6, 0.8, 0.62, 0.9, 0.65), probe_loss=(0.9, 0.6, 0.8, 0.62, 0.9, 0.65)),)
    silent_on = (Evidence(loss=(0.9, 0.6, 0.5, 0.4, 0.42, 0.3), probe_loss=(0.9, 0.6, 0.5, 0.4, 0.42, 0.3)),)

    swing: float = 0.1
    share: float = 0.2
    better: float = 0.95
    least_epochs: int = 5

    def detect(
        self, loss: Sequence[float], probe_loss: Sequence[float] | None = None, prior_loss: float | None = None
    ) -> Finding | None:
        """Count the turns upwards and compare the halves."""
        series = probe_loss if probe_loss and len(probe_loss) == len(loss) else loss
        if len(series) < self.least_epochs or not all(math.isfinite(v) and v > 0 for v in series):
            return None
        half = len(series) // 2
        late = series[half:]
        ups = sum(after > (1 + self.swing) * before for before, after in itertools.pairwise(late))
        downs = sum(after < (1 - self.swing) * before for before, after in itertools.pairwise(late))
        if max(late) < 0.1 * (series[0] if prior_loss is None else prior_loss):
            return None  # Jitter near zero.
        if ups < max(1.0, self.share * (len(late) - 1)) or not downs or min(late) < self.better * min(series[:half]):
            return None
        return Finding(
            f"Over the last {len(late)} epochs the loss on the same rows was {min(late):.4g} to {max(late):.4g}, "
            f"up by more than {self.swing:.0%} {ups} times; its best before was {min(series[:half]):.4g}.",
            measured={"ups": float(ups), "lowest": min(late), "highest": max(late)},
            threshold=self.swing,
            confidence=0.75,
        )
