"""huge-batch: an epoch has so few steps that hardly anything can be learned in it."""

from remedy import Detector, Evidence, Finding


class HugeBatch(Detector):
    """An epoch takes so few optimizer steps that it hardly moves the weights.

    What it sees: the number of optimizer steps an epoch.

    Why it matters: the number of steps, not of epochs, decides how far the weights can go.

    What helps: smaller batches.

    Source: Keskar et al., "On Large-Batch Training", ICLR 2017.
    """

    code, name, severity = "OPT901", "huge-batch", "warning"
    remedies = ("smaller-batch",)
    fires_on = (Evidence(steps_per_epoch=1),)
    silent_on = (Evidence(steps_per_epoch=20),)

    fewest: float = 3

    def detect(self, steps_per_epoch: int) -> Finding | None:
        """Compare the number of steps with the fewest that make sense."""
        if steps_per_epoch >= self.fewest:
            return None
        return Finding(f"An epoch has {steps_per_epoch} steps.", {"steps": float(steps_per_epoch)}, self.fewest)
