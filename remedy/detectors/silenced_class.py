"""silenced-class: every row of a class has the weight zero."""

from __future__ import annotations

import math
from collections.abc import Mapping

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


def _unusable(weights: Mapping[int, float]) -> str | None:
    """Say what is wrong with weights that no class can be learnt by; None where nothing is."""
    if lost := [c for c, weight in weights.items() if not math.isfinite(weight)]:
        return f"The weights of class {lost[0]} hold NaN or infinite values: so does the loss from the first step on."
    if below := [c for c, weight in weights.items() if weight < 0]:
        return f"The rows of class {below[0]} weigh less than zero: wrong answers to them make the loss smaller."
    if weights and not any(weights.values()):
        return "All training rows have the weight zero: the loss is zero whatever the network answers."
    return None


class SilencedClass(Detector):
    """Every row of a class has the weight zero, by ``sample_weight`` or ``class_weight``.

    What it sees: the mean weight of the training rows of every class. It also names weights that no class can be learnt
    by: all of them zero, below zero, or no numbers.

    Why it matters: a row of weight zero adds nothing to the loss. The network never learns that the class exists, and
    answers with the others.

    What helps: weights above zero for that class; or leave its rows out, if it is not meant to be learnt.

    Source: Keras multiplies the loss of a row by its weight (``Model.fit``, ``sample_weight`` and ``class_weight``).
    """

    code, name, severity = "DAT115", "silenced-class", "error"
    remedies = ("even-weights", "class-weights")
    tasks = ("binary", "multiclass")
    fires_on = (Evidence(task="binary", class_counts={0: 300, 1: 40}, class_weights={0: 1.0, 1: 0.0}),)
    silent_on = (Evidence(task="binary", class_counts={0: 300, 1: 40}, class_weights={0: 1.0, 1: 7.5}),)

    least: float = 1e-6

    def detect(self, class_counts: Mapping[int, int], class_weights: Mapping[int, float]) -> Finding | None:
        """Look for a class whose rows weigh nothing beside the others'."""
        weights = {c: class_weights.get(c, 0.0) for c, rows in class_counts.items() if rows > 0}
        if unusable := _unusable(weights):
            return Finding(f"{unusable} Look at sample_weight and class_weight.", measured={}, confidence=0.99)
        most = max(weights.values(), default=0.0)
        silent = [c for c, weight in weights.items() if weight <= self.least * most]
        if len(weights) < 2 or not silent:
            return None
        return Finding(
            f"All {class_counts[silent[0]]} training rows of class {silent[0]} have the weight zero: the loss never "
            "counts them, so the class is not learnt. Look at sample_weight and class_weight.",
            measured={"weight": weights[silent[0]], "largest": most},
            threshold=self.least,
            confidence=0.99,
        )
