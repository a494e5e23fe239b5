"""sorted-validation-split: the validation rows are of other classes than the training rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts


class SortedValidationSplit(Detector):
    """The validation rows are of other classes than the training rows.

    What it sees: the share of every class on either side. It fires where half of the validation
    rows would have to change their class to match the training rows, where half of them are of a
    class that training hardly knows, or where all are of one class and training has several. Left
    alone are small or many-classed samples that differ by chance, a validation set balanced on
    purpose, and training rows balanced on purpose.

    Why it matters: the network is judged on classes it never learnt. The validation score says
    nothing then, and early stopping or a search that follows it picks the wrong model.

    What helps: shuffling the rows, or a stratified split. ``validation_split`` of Keras takes the
    last rows before it shuffles anything.

    Source: the Keras documentation of ``Model.fit``, argument ``validation_split``; the distance is
    the total variation between the class shares.
    """

    code, name, severity = "DAT106", "sorted-validation-split", "error"
    tasks = ("binary", "multiclass")
    fires_on = (
        Evidence(class_counts={0: 200, 1: 200, 2: 80}, validation_counts={2: 120}, validation_tail=True),
        Evidence(class_counts={0: 300, 1: 180}, validation_counts={0: 0, 1: 120}),
    )
    silent_on = (
        Evidence(class_counts={0: 160, 1: 160, 2: 160}, validation_counts={0: 45, 1: 35, 2: 40}),
        Evidence(class_counts={0: 950, 1: 50}, validation_counts={0: 60, 1: 60}),
    )

    distance: float = 0.5
    rows: float = 20
    rare: float = 0.02
    common: float = 0.8
    majority: float = 0.5
    beyond_chance: float = 0.3
    balanced: float = 2.0
    nearly_equal: float = 0.9
    runs: float = 0.1

    def detect(
        self,
        class_counts: Mapping[int, int],
        validation_counts: Mapping[int, int],
        n_validation: int | None = None,
        validation_tail: bool | None = None,
        outputs: Sequence[OutputFacts] | None = None,
    ) -> Finding | None:
        """Compare the class shares of the two sides."""
        n, held = sum(class_counts.values()), sum(validation_counts.values())
        both = {*class_counts, *validation_counts}
        classes = sorted(c for c in both if class_counts.get(c, 0) + validation_counts.get(c, 0) > 0)
        rows = held if n_validation is None else min(held, n_validation)  # Sequences are counted step by step.
        if n < 1 or rows < self.rows or len(classes) < 2:
            return None
        p = {c: class_counts.get(c, 0) / n for c in classes}
        q = {c: validation_counts.get(c, 0) / held for c in classes}
        most = max(q, key=lambda c: q[c] - p[c])
        apart = sum(abs(p[c] - q[c]) for c in classes) / 2
        alone = q[most] == 1 and p[most] < self.common and sum(share > 0 for share in p.values()) > 1
        shared = {c: (class_counts.get(c, 0) + validation_counts.get(c, 0)) / (n + held) for c in classes}
        foreign = apart >= self._floor(shared, n, rows) or (q[most] >= self.majority and p[most] < self.rare)
        if not alone and not (foreign and (validation_tail or not self._on_purpose(p, q))):
            return None
        return Finding(
            f"Class {most} makes up {q[most]:.0%} of the {held} validation rows and {p[most]:.1%} of the {n} training "
            f"rows (distance of the class shares {apart:.2f}){self._why(validation_tail, outputs)}.",
            measured={"distance": apart, "validation_share": q[most], "training_share": p[most]},
            threshold=self.distance,
            confidence=1.0 if validation_tail else 0.95,
        )

    def _floor(self, both: Mapping[int, float], n: int, held: int) -> float:
        """Return the distance that counts: well above what two random samples of this size differ by."""
        chance = sum(math.sqrt(share * (1 - share) * (1 / n + 1 / held)) for share in both.values()) / 2
        return max(self.distance, chance + self.beyond_chance)

    def _on_purpose(self, p: Mapping[int, float], q: Mapping[int, float]) -> bool:
        """Look whether one side was balanced by hand; sorted rows lack whole classes on one side."""
        if min(p.values()) > 0 and max(q.values()) <= self.balanced * min(q.values()):
            return True
        more = [p[c] for c in p if q[c] > p[c]]
        return bool(more) and sum(more) / len(more) >= self.nearly_equal / len(p)

    def _why(self, tail: bool | None, outputs: Sequence[OutputFacts] | None) -> str:
        changes = [facts.changes for facts in outputs or () if facts.changes is not None]
        ordered = bool(changes) and min(changes) < self.runs
        if tail:
            order = "they are sorted by class" if ordered or not changes else "they are not like the others"
            return f"; validation_split takes the last rows as they stand: {order}"
        return "; the rows are sorted by class" if ordered else ""
