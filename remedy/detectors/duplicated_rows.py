"""duplicated-rows: rows that were trained on are validated on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts


class DuplicatedRows(Detector):
    """Rows that were trained on are validated on.

    What it sees: the share of the validation rows whose whole input also stands among the training
    rows. Tables of a few whole numbers are left alone: their rows repeat by themselves.

    Why it matters: a network that has learnt its rows by heart is rewarded for it, so the
    validation score is too high and overfitting stays hidden.

    What helps: dropping duplicates before the split, and oversampling after it, on the training
    rows only.

    Source: Kaufman et al., "Leakage in Data Mining: Formulation, Detection, and Avoidance", ACM
    Transactions on Knowledge Discovery from Data 6(4), 2012.
    """

    code, name, severity = "DAT111", "duplicated-rows", "warning"
    fires_on = (Evidence(validation_overlap=0.4, n_validation=200),)
    silent_on = (
        Evidence(validation_overlap=0.01, n_validation=200),
        Evidence(
            validation_overlap=0.9,
            n_validation=200,
            inputs=(InputFacts("answers", (6,), 0.0, 4.0, 1.9, 1.2, integers=True, columns=6),),
        ),
    )

    share: float = 0.05
    rows: float = 20
    columns: float = 8

    def detect(
        self, validation_overlap: float, n_validation: int, inputs: Sequence[InputFacts] | None = None
    ) -> Finding | None:
        """Compare the share of repeated rows with what a few copies may be."""
        if n_validation < self.rows or not validation_overlap > self.share:
            return None
        if inputs and all(facts.integers and math.prod(facts.shape) <= self.columns for facts in inputs):
            return None
        return Finding(
            f"{validation_overlap:.0%} of the {n_validation} validation rows also stand among the training rows.",
            measured={"overlap": validation_overlap, "rows": validation_overlap * n_validation},
            threshold=self.share,
            confidence=min(0.95, 0.7 + validation_overlap / 2),
        )
