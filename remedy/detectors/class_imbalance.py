"""class-imbalance: one class has far more training rows than another."""

from __future__ import annotations

from collections.abc import Mapping

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class ClassImbalance(Detector):
    """One class has far more training rows than another.

    What it sees: the ratio of the largest to the smallest class among the training rows.

    Why it matters: the answer that is always the largest class is cheap to learn and looks good in
    accuracy, so training often ends there (Japkowicz and Stephen, "The class imbalance problem",
    Intelligent Data Analysis 6(5), 2002).

    What helps: class weights or oversampling, and a score that counts every class alike.

    Source: published data linters call a ratio above 10 an error; a warning is due earlier,
    because small networks collapse at 4 : 1 already.
    """

    code, name, severity = "DAT101", "class-imbalance", "warning"
    remedies = ("class-weights", "oversampling")
    tasks = ("binary", "multiclass")
    fires_on = (Evidence(task="multiclass", class_counts={0: 963, 1: 110, 2: 231}),)
    silent_on = (Evidence(task="binary", class_counts={0: 600, 1: 400}),)

    ratio: float = 4.0

    def detect(self, class_counts: Mapping[int, int], n_train: int | None = None) -> Finding | None:
        """Compare the largest class with the smallest one."""
        present = {label: rows for label, rows in class_counts.items() if rows > 0}
        if len(present) < 2:
            return None
        most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
        ratio = present[most] / present[least]
        if ratio < self.ratio:
            return None
        total = sum(present.values())
        what = "training rows" if n_train in (None, total) else "labels"  # Of every pixel or step there is one.
        return Finding(
            f"Class {most} has {present[most]} {what} ({present[most] / total:.0%}), "
            f"class {least} has {present[least]} ({present[least] / total:.1%}): {ratio:.1f} to 1.",
            measured={"ratio": ratio, "majority_share": present[most] / total},
            threshold=self.ratio,
            confidence=min(1.0, 0.5 + ratio / 20),
        )
