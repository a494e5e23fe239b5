"""unusual-learning-rate: the learning rate is far from what is usual for its optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence

ADAPTIVE = (2e-5, 0.03)
USUAL: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("Adam", "AdamW", "Nadam", "Adamax", "RMSprop"), ADAPTIVE),
    "Lion": (2e-6, 0.01),
    "SGD": (5e-4, 0.5),
    "Adagrad": (5e-3, math.inf),
    "Adadelta": (5e-3, math.inf),
}
"""Smallest and largest usual rate by optimizer; others are not judged."""


class UnusualLearningRate(Detector):
    """The learning rate is far from what is usual for its optimizer.

    What it sees: the planned rate at the first and the last step, against the range in which the
    optimizer usually works on new weights (fine-tuning trained weights takes less on purpose), and
    a schedule that is under a tenth of its start already half-way and ends below the usual range:
    a decay meant for epochs but applied at every step does that, a cosine or a line does not.

    Why it matters: too high a rate throws the weights about or makes units die, too low a rate
    looks like a network that cannot learn.

    What helps: the optimizer's textbook rate, then factors of three from there. Adadelta is meant
    to run at 1.0; the 0.001 that Keras sets is far too small for it.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 11.4.1; Kingma and Ba,
    "Adam", 2015 (0.001); Zeiler, "ADADELTA", 2012; the Keras documentation of Adadelta.
    """

    code, name, severity = "OPT414", "unusual-learning-rate", "warning"
    remedies = ("learning-rate", "optimizer")
    fires_on = (
        Evidence(optimizer="Adam", planned_rates=(0.1, 0.1, 0.1)),
        Evidence(optimizer="Adam", planned_rates=(1e-4, 5e-6, 2.4e-6), steps_per_epoch=20, epochs_planned=20_000),
    )
    silent_on = (
        Evidence(optimizer="Adam", planned_rates=(1e-3, 5e-4, 0.0)),
        Evidence(optimizer="SGD", planned_rates=(0.1, 0.1, 0.1)),
    )

    halfway: float = 0.1

    def detect(
        self,
        optimizer: str,
        planned_rates: Sequence[float],
        learning_rate: Sequence[float] | None = None,
        steps_per_epoch: int | None = None,
        epochs_planned: int | None = None,
    ) -> Finding | None:
        """Compare the planned rates with the usual range."""
        if len(planned_rates) < 3 or not all(map(math.isfinite, planned_rates)) or planned_rates[0] <= 0:
            return None
        first, middle, last = planned_rates[0], planned_rates[len(planned_rates) // 2], planned_rates[-1]
        low, high = USUAL.get(optimizer, (0.0, math.inf))
        highest = max(first, middle, last, *(rate for rate in learning_rate or () if math.isfinite(rate)))
        usual = f"usual is {low:g} to {high:g}" if high < math.inf else f"usual is {low:g} to 1"
        measured = {"first": first, "last": last}
        if first > high:
            return Finding(
                f"{optimizer} starts at a learning rate of {first:.3g}: too high, {usual}.", measured, high, 0.8
            )
        if highest < low and (first == last or learning_rate):
            keras = " (Keras' default for it is far too small)" if optimizer == "Adadelta" else ""
            text = f"{optimizer} has a learning rate of {highest:.3g}{keras}: too low, {usual}."
            return Finding(text, measured, low, 0.8 if highest < low / 4 else 0.7)
        if middle < self.halfway * first and 0 < last < low:
            steps = (steps_per_epoch or 1) * (epochs_planned or 1)
            return Finding(
                f"The learning rate decays away: {first:.3g} at first, {middle:.1e} half-way, {last:.1e} after "
                f"{steps} steps; {usual}.",
                measured,
                low,
                0.8,
            )
        return None
