"""extreme-batch-size: one row a step, or all rows in one step."""

from __future__ import annotations

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class ExtremeBatchSize(Detector):
    """A step sees one row only, or all rows at once.

    What it sees: the batch size against the training rows, and how many steps are planned in all.

    Why it matters: the gradient of one row is mostly noise, BatchNormalization has no batch to
    average over, and an epoch takes as many steps as there are rows. A batch of all rows gives one
    step an epoch, so the usual number of epochs is a handful of steps.

    What helps: 16 to 128 rows a step; for whole-data batches, hundreds of epochs.

    Source: Bengio, "Practical Recommendations for Gradient-Based Training of Deep Architectures",
    2012, section 3.1.1 (32 is a good default); Masters and Luschi, "Revisiting Small Batch Training
    for Deep Neural Networks", 2018 (2 to 32).
    """

    code, name, severity = "OPT413", "extreme-batch-size", "warning"
    remedies = ("batch-size",)
    fires_on = (
        Evidence(batch_size=1, n_train=2000, steps_per_epoch=2000),
        Evidence(batch_size=1000, n_train=800, steps_per_epoch=1, epochs_planned=20),
    )
    silent_on = (
        Evidence(batch_size=32, n_train=2000, steps_per_epoch=63),
        Evidence(batch_size=1000, n_train=800, steps_per_epoch=1, epochs_planned=5000),
    )

    single: float = 16
    whole: float = 64
    enough: float = 500

    def detect(
        self,
        batch_size: int,
        n_train: int,
        steps_per_epoch: int | None = None,
        epochs_planned: int | None = None,
    ) -> Finding | None:
        """Compare a step with the rows there are."""
        measured = {"batch_size": float(batch_size), "rows": float(n_train)}
        if batch_size == 1 and n_train > self.single:
            steps = steps_per_epoch or n_train
            return Finding(
                f"Every step sees 1 of {n_train} training rows, so an epoch takes {steps} steps of noisy gradients.",
                measured,
                1.0,
                0.7,
            )
        steps = (steps_per_epoch or 1) * (epochs_planned or 1)
        if batch_size < n_train or n_train <= self.whole or (steps_per_epoch or 1) > 1 or steps >= self.enough:
            return None
        planned = f", {steps} in {epochs_planned} epochs" if epochs_planned else ""
        return Finding(
            f"A batch of {batch_size} holds all {n_train} training rows: an epoch is 1 step{planned}.",
            {**measured, "steps": float(steps)},
            float(n_train),
            0.8,
        )
