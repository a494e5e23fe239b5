"""equal-class-weights: class weights that are all the same balance nothing."""

from __future__ import annotations

from collections.abc import Mapping

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class EqualClassWeights(Detector):
    """Class weights that are all the same, and far from 1, scale the loss and balance nothing.

    What it sees: the mean weight of the training rows of every class.

    Why it matters: such weights multiply the loss, and with plain SGD the learning rate, by their value, and leave the
    classes as unequal as they were. Often a count of all rows was given where one per class was meant.

    What helps: weights of n / (k * n_c) for class c with n_c of n rows in k classes, or none.

    Source: King and Zeng, "Logistic regression in rare events data", Political Analysis 9(2), 2001, for the weights.
    """

    code, name, severity = "DAT116", "equal-class-weights", "warning"
    remedies = ("class-weights", "even-weights")
    tasks = ("binary", "multiclass")
    fires_on = (Evidence(task="binary", class_counts={0: 400, 1: 46}, class_weights={0: 223.0, 1: 223.0}),)
    silent_on = (
        Evidence(task="binary", class_counts={0: 400, 1: 46}, class_weights={0: 0.56, 1: 4.8}),
        Evidence(task="binary", class_counts={0: 400, 1: 46}, class_weights={0: 1.0, 1: 1.0}),
    )

    factor: float = 2.0
    alike: float = 1.001

    def detect(self, class_counts: Mapping[int, int], class_weights: Mapping[int, float]) -> Finding | None:
        """Compare the weights of the classes with each other and with 1."""
        weights = [class_weights.get(c, 0.0) for c, rows in class_counts.items() if rows > 0]
        least, most = min(weights, default=0.0), max(weights, default=0.0)
        if len(weights) < 2 or least <= 0 or most > least * self.alike or 1 / self.factor < most < self.factor:
            return None
        return Finding(
            f"All {len(weights)} classes have the weight {most:.4g}: that multiplies the loss by {most:.4g} and "
            "balances nothing.",
            measured={"weight": most},
            threshold=self.factor,
            confidence=0.95,
        )
