"""neglected-class: a rare class is hardly ever found, although it could be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Shallow


class NeglectedClass(Detector):
    """A rare class is hardly ever found, although a shallow model with class weights finds it.

    What it sees: the recall of every class on probe rows over the last epochs, from two fifths of
    the plan on; a class with few rows that stays under a tenth, while the balanced score of a
    shallow model is clearly above the network's.

    Why it matters: the loss falls and the accuracy is high, but the rows that matter are missed:
    the frequent class pays for being right more often than the rare one does.

    What helps: class weights or oversampling, a score that counts every class alike.

    Source: He and Garcia, "Learning from Imbalanced Data", IEEE Transactions on Knowledge and Data
    Engineering 21(9), 2009.
    """

    code, name, severity, symptom = "GEN405", "neglected-class", "error", True
    remedies = ("class-weights", "oversampling", "learning-rate", "scale-inputs", "optimizer", "train-longer")
    tasks = ("binary", "multiclass")
    fires_on = (
        Evidence(
            task="binary",
            class_counts={0: 3800, 1: 200},
            probe_recalls=((1.0, 0.0), (1.0, 0.02), (1.0, 0.02), (0.99, 0.04)),
            probe_score=(0.5, 0.51, 0.51, 0.52),
            shallow=Shallow(2, 0.7, 0.01, 0.5, "a linear model"),
            epochs_planned=10,
        ),
    )
    silent_on = (
        Evidence(
            task="binary",
            class_counts={0: 3800, 1: 200},
            probe_recalls=((1.0, 0.0), (0.99, 0.1), (0.98, 0.3), (0.97, 0.5)),
            probe_score=(0.5, 0.55, 0.64, 0.73),
            shallow=Shallow(2, 0.7, 0.01, 0.5, "a linear model"),
            epochs_planned=10,
        ),
    )

    recall: float = 0.1
    rare: float = 0.5
    patience: float = 0.4
    epochs: int = 4
    gap: float = 0.1

    def detect(
        self,
        class_counts: Mapping[int, int],
        probe_recalls: Sequence[Sequence[float]],
        probe_score: Sequence[float],
        shallow: Shallow,
        epochs_planned: int | None = None,
    ) -> Finding | None:
        """Find a rare class whose recall stays near zero."""
        planned = epochs_planned or self.epochs
        if not probe_score or len(probe_recalls) < max(min(self.epochs, planned), math.ceil(self.patience * planned)):
            return None
        recent = probe_recalls[-self.epochs :]
        labels = sorted(label for label, rows in class_counts.items() if rows > 0)
        if len({len(r) for r in recent}) != 1 or len(recent[-1]) != len(labels) or len(labels) < 2:
            return None
        if not shallow.score - 2 * shallow.error - max(probe_score[-self.epochs :]) > self.gap:
            return None
        total = sum(class_counts.values())
        for i, label in enumerate(labels):
            share = class_counts[label] / total
            if share < self.rare / len(labels) and max(r[i] for r in recent) < self.recall:
                return Finding(
                    f"Class {label} ({class_counts[label]} rows, {share:.1%}) is found in {recent[-1][i]:.0%} of its "
                    f"rows after {len(probe_recalls)} epochs; with class weights {shallow.model} reaches a balanced "
                    f"score of {shallow.score:.2f}, the network {probe_score[-1]:.2f}.",
                    measured={"recall": recent[-1][i], "share": share, "shallow": shallow.score},
                    threshold=self.recall,
                    confidence=0.9,
                )
        return None
