"""swapped-validation-labels: the validation labels seem to be coded the other way."""

from __future__ import annotations

from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Shallow


class SwappedValidationLabels(Detector):
    """The validation labels seem to be coded the other way round.

    What it sees: a model that answers its training rows well (the network, or a shallow one in cross-validation) and
    the validation rows far worse than chance. Who knows nothing is right by chance; who is wrong nearly always
    knows the answer under another name.

    Why it matters: the validation score says the opposite of the truth. Early stopping, a search, or a person who
    follows it picks the worst model.

    What helps: coding both sides by one and the same function; looking at some rows of each beside their labels.

    Source: that a score below chance is information follows from the symmetry of the error; see Perlich and
    Swirszcz, "On cross-validation and stacking: building seemingly predictive models on random data", 2011, for
    the exceptions on very few rows.
    """

    code, name, severity = "DAT114", "swapped-validation-labels", "error"
    distrusts_validation = True
    tasks = ("binary", "multiclass")
    fires_on = (
        Evidence(
            task="multiclass",
            probe_score=(0.7, 0.95),
            val_score=(0.4, 0.04),
            constant_score=0.5,
            n_validation=300,
        ),
    )
    silent_on = (
        Evidence(task="binary", probe_score=(0.7, 0.95), val_score=(0.6, 0.55), constant_score=0.5, n_validation=300),
        Evidence(task="binary", probe_score=(0.7, 0.95), val_score=(0.4, 0.1), constant_score=0.5, n_validation=12),
    )

    below: float = 0.5
    good: float = 0.5
    rows: float = 40

    def detect(
        self,
        constant_score: float,
        n_validation: int,
        probe_score: Sequence[float] | None = None,
        val_score: Sequence[float] | None = None,
        shallow: Shallow | None = None,
    ) -> Finding | None:
        """Compare both sides with chance, for the network and for the shallow model."""
        if n_validation < self.rows:
            return None
        pairs = []
        if probe_score and val_score:
            pairs.append(("the network", probe_score[-1], val_score[-1]))
        if shallow is not None and shallow.held is not None:
            pairs.append((shallow.model, shallow.score, shallow.held))
        for who, seen, held in pairs:
            learnt = seen > constant_score + self.good * (1 - constant_score)
            if learnt and held < self.below * constant_score:
                return Finding(
                    f"On its own rows {who} reaches {seen:.2f}, on the {n_validation} validation rows {held:.2f}, far "
                    f"below chance ({constant_score:.2f}): the validation labels seem coded the other way.",
                    measured={"training": seen, "validation": held, "constant": constant_score},
                    threshold=self.below * constant_score,
                    confidence=0.95,
                )
        return None
