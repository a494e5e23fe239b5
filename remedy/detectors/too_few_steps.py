"""too-few-steps: the whole training is a few dozen steps."""

from __future__ import annotations

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class TooFewSteps(Detector):
    """The planned epochs add up to fewer steps than even a small network needs to leave its start.

    What it sees: epochs times steps an epoch, before training.

    Why it matters: every step moves a weight by about the learning rate under Adam, by less under
    plain descent; after 50 steps of 0.001 no weight is further than 0.05 from where chance put it.

    What helps: more epochs, or smaller batches.

    Source: Hoffer, Hubara, Soudry, "Train longer, generalize better", NIPS 2017 (steps count, not
    epochs); Kingma and Ba, "Adam", 2015, section 2.1 (a step is bounded by the rate).
    """

    code, name, severity = "OPT415", "too-few-steps", "warning"
    remedies = ("batch-size", "train-longer", "learning-rate", "optimizer")
    fires_on = (Evidence(steps_per_epoch=4, epochs_planned=20), Evidence(steps_per_epoch=60, epochs_planned=1))
    silent_on = (Evidence(steps_per_epoch=20, epochs_planned=20), Evidence(steps_per_epoch=1, epochs_planned=1000))

    steps: float = 100

    def detect(self, steps_per_epoch: int, epochs_planned: int) -> Finding | None:
        """Multiply."""
        planned = steps_per_epoch * epochs_planned
        if planned <= 0 or planned >= self.steps:
            return None
        return Finding(
            f"{epochs_planned} epochs of {steps_per_epoch} steps are {planned} steps in all; "
            f"small networks need {self.steps:g} and more.",
            {"steps": float(planned)},
            self.steps / planned,
            0.6,
        )
