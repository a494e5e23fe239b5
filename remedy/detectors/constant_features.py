"""constant-features: columns of a table hold one value in every row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, InputFacts


class ConstantFeatures(Detector):
    """Columns of a table hold the same value in every training row.

    What it sees: how many columns of a flat table do not vary over the training rows. Pictures and
    signals are left out, and so are flat rows that look like a small picture (49, 64, 81 ...
    columns) as long as most of their columns vary: a constant border is usual there.

    Why it matters: a column with one value tells the rows apart by nothing, it only acts as a
    second bias. Often it is the trace of a mistake: a failed join, a wrong column, values that
    were divided as whole numbers and became zero.

    What helps: looking where the value comes from, then dropping the column.

    Source: zero-variance predictors in Kuhn and Johnson, "Applied Predictive Modeling", Springer
    2013, section 3.5.
    """

    code, name, severity = "DAT103", "constant-features", "warning"
    fires_on = (Evidence(inputs=(InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, columns=8, constant=5),), n_train=400),)
    silent_on = (
        Evidence(inputs=(InputFacts("table", (8,), -3.0, 3.0, 0.0, 1.0, columns=8),), n_train=400),
        Evidence(inputs=(InputFacts("pixels", (784,), 0.0, 1.0, 0.13, 0.31, columns=784, constant=67),), n_train=9000),
    )

    columns: float = 200
    rows: float = 20
    most: float = 0.5

    def detect(self, inputs: Sequence[InputFacts], n_train: int | None = None) -> Finding | None:
        """Report the table with the largest share of constant columns."""
        if n_train is not None and n_train < self.rows:
            return None  # In a handful of rows a column may be constant by chance.
        tables = [facts for facts in inputs if self._judged(facts)]
        if not tables:
            return None
        worst = max(tables, key=lambda facts: facts.constant / facts.columns)
        share = worst.constant / worst.columns
        ends = "so nothing can be learnt from it" if share >= 1 else "and cannot tell one row from another"
        verb = "holds" if worst.constant == 1 else "hold"
        return Finding(
            f"{worst.constant} of the {worst.columns} columns of input {worst.name!r} "
            f"({share:.0%}) {verb} one value in all training rows looked at {ends}.",
            measured={"constant": float(worst.constant), "columns": float(worst.columns), "share": share},
            threshold=0.0,
            confidence=1.0 if share >= 1 else 0.9 if share > self.most else 0.7,
        )

    def _judged(self, facts: InputFacts) -> bool:
        if (
            facts.ids
            or facts.words
            or len(facts.shape) != 1
            or facts.constant < 1
            or not 1 < facts.columns <= self.columns
        ):
            return False
        picture = facts.columns >= 49 and math.isqrt(facts.columns) ** 2 == facts.columns
        return not picture or facts.constant > self.most * facts.columns
