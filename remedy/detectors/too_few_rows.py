"""too-few-rows: there are too few training rows to learn from, in all or in one class."""

from __future__ import annotations

from collections.abc import Mapping

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class TooFewRows(Detector):
    """There are too few training rows, in all or in one class.

    What it sees: the number of training rows, and of those of the smallest class that has any.

    Why it matters: a network has more weights than that and learns such rows by heart; scores on a
    part of them move by several per cent with every row.

    What helps: more rows, a pretrained network, a smaller network, or a model that needs fewer rows.

    Source: plain reasoning: of 10 rows each one is worth 10 % of the score of its class.
    """

    code, name, severity = "DAT109", "too-few-rows", "warning"
    remedies = ("regularise", "simplify-architecture", "augmentation", "global-pooling")
    fires_on = (
        Evidence(n_train=30),
        Evidence(n_train=500, class_counts={0: 296, 1: 200, 2: 4}),
    )
    silent_on = (Evidence(n_train=120, class_counts={0: 60, 1: 60, 2: 0}),)

    rows: float = 50
    rows_per_class: float = 10

    def detect(self, n_train: int, class_counts: Mapping[int, int] | None = None) -> Finding | None:
        """Count the rows in all, then those of the smallest class."""
        present = {label: rows for label, rows in (class_counts or {}).items() if rows > 0}
        least = min(present, key=present.__getitem__) if len(present) > 1 else None
        measured = {"rows": float(n_train)}
        smallest = ""
        if least is not None and present[least] < self.rows_per_class:
            measured["smallest_class"] = float(present[least])
            total = sum(present.values())
            what = "training rows" if total == n_train else "labels"
            smallest = f"class {least} has {present[least]} of {total} {what}"
        if n_train < self.rows:
            also = f", and {smallest}" if smallest else ""
            return Finding(f"There are {n_train} training rows in all{also}.", measured, self.rows, 0.8)
        if smallest:
            return Finding(f"{smallest.capitalize()}.", measured, self.rows_per_class, 0.7)
        return None
