"""batchnorm-lag: moving averages lag so far behind that inference differs from training."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class BatchNormLag(Detector):
    """BatchNormalization's moving averages lag behind, so inference differs from training.

    What it sees: with momentum m, after s steps a share m**s of the moving averages is still their
    initial value (mean 0, variance 1). While that share is more than a per cent and the same
    training rows cost far more in inference mode than in training mode, the averages are to blame.

    Why it matters: training improves while every prediction and every validation number is wrong;
    few steps an epoch (small data, large batches) make it last for dozens of epochs.

    What helps: a smaller momentum (0.9), smaller batches, scaled inputs.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 3.1 (inference statistics); the
    momentum of 0.99 is Keras' default and is meant for thousands of steps.
    """

    code, name, severity = "OPT405", "batchnorm-lag", "warning"
    remedies = ("batchnorm-momentum", "scale-inputs", "train-longer")
    fires_on = (
        Evidence(
            batchnorm_momentum=0.99,
            steps_per_epoch=17,
            loss=(1.02, 0.91, 0.85),
            probe_loss=(1.83, 1.42, 1.03),
        ),
    )
    silent_on = (
        Evidence(
            batchnorm_momentum=0.9,
            steps_per_epoch=17,
            loss=(1.02, 0.91, 0.85),
            probe_loss=(1.05, 0.93, 0.85),
        ),
    )

    share_left: float = 0.01
    excess: float = 0.2

    def detect(
        self,
        batchnorm_momentum: float,
        steps_per_epoch: int,
        loss: Sequence[float],
        probe_loss: Sequence[float],
    ) -> Finding | None:
        """Compare inference with training loss while the initial averages still weigh in."""
        if not 0 <= batchnorm_momentum <= 1:  # Of no layer that Keras builds.
            return None
        worst = 0.0
        for epoch, (training, inference) in enumerate(zip(loss, probe_loss, strict=False), start=1):
            left = batchnorm_momentum ** (steps_per_epoch * epoch)
            if left < self.share_left or not (math.isfinite(inference) and training > 0):
                break
            if inference / training - 1 > max(self.excess, worst):
                worst, at, share = inference / training - 1, epoch, left
        if not worst:
            return None
        return Finding(
            f"In epoch {at} the training rows cost {probe_loss[at - 1]:.3f} in inference mode and "
            f"{loss[at - 1]:.3f} in training mode: after {steps_per_epoch * at} steps "
            f"at momentum {batchnorm_momentum:g}, {share:.0%} of BatchNormalization's averages is still initial.",
            measured={"excess": worst, "initial_share": share, "epoch": float(at)},
            threshold=self.excess,
            confidence=min(1.0, 0.6 + worst / 2),
        )
