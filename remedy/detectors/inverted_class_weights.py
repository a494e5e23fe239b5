"""inverted-class-weights: the given weights push a class further down that is rare, or hush one up."""

from __future__ import annotations

import math
from collections.abc import Mapping

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class InvertedClassWeights(Detector):
    """The weights of rows or classes are the wrong way round, or leave a class with next to nothing.

    What it sees: the mean weight of the training rows of every class, beside how many rows it has. Either the rarest
    class weighs less a row than the most frequent one, or the rows of a class weigh less than a twentieth of the mean.

    Why it matters: the loss hardly counts such a class, so the network answers with the others. Shares in the place of
    their inverse, or weights in the order of another list of classes, do that.

    What helps: no weights, or n / (k * n_c) for class c with n_c of n rows in k classes.

    Source: King and Zeng, "Logistic regression in rare events data", Political Analysis 9(2), 2001, for the weights.
    """

    code, name, severity = "DAT121", "inverted-class-weights", "warning"
    remedies = ("even-weights", "class-weights")
    tasks = ("binary", "multiclass")
    fires_on = (
        Evidence(task="binary", class_counts={0: 400, 1: 46}, class_weights={0: 0.9, 1: 0.1}),
        Evidence(task="binary", class_counts={0: 200, 1: 200}, class_weights={0: 1.0, 1: 0.02}),
    )
    silent_on = (
        Evidence(task="binary", class_counts={0: 400, 1: 46}, class_weights={0: 0.56, 1: 4.8}),
        Evidence(task="binary", class_counts={0: 200, 1: 190}, class_weights={0: 1.0, 1: 0.8}),
    )

    rarer: float = 1.5
    lighter: float = 1.5
    hushed: float = 0.05

    def detect(self, class_counts: Mapping[int, int], class_weights: Mapping[int, float]) -> Finding | None:
        """Look for a class that is rare and light, and for one that weighs next to nothing."""
        rows = {c: n for c, n in class_counts.items() if n > 0}
        weights = {c: class_weights.get(c, 0.0) for c in rows}
        mean = sum(weights[c] * n for c, n in rows.items()) / max(1, sum(rows.values()))
        if len(rows) < 2 or not mean > 0 or not math.isfinite(mean) or min(weights.values()) < 0:
            return None
        rare, often = min(rows, key=lambda c: rows[c]), max(rows, key=lambda c: rows[c])
        light = min(weights, key=lambda c: weights[c])
        if rows[often] > self.rarer * rows[rare] and weights[often] > self.lighter * weights[rare] > 0:
            return Finding(
                f"Class {rare} has {rows[rare]} training rows and class {often} {rows[often]}, and yet a row of class "
                f"{rare} weighs {weights[rare]:.3g} and one of class {often} {weights[often]:.3g}: the weights are the "
                "wrong way round.",
                measured={"rare": weights[rare], "frequent": weights[often]},
                threshold=self.lighter,
                confidence=0.9,
            )
        if 0 < weights[light] < self.hushed * mean:  # Of zero silenced-class speaks.
            return Finding(
                f"A row of class {light} weighs {weights[light]:.3g}, the mean row {mean:.3g}: the loss hardly counts "
                "that class.",
                measured={"weight": weights[light], "mean": mean},
                threshold=self.hushed,
                confidence=0.8,
            )
        return None
