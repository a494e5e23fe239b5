"""future-leak: with the rows shuffled, a model is asked about days whose neighbours it has seen."""

from __future__ import annotations

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Shallow


class FutureLeak(Detector):
    """Shuffled rows of a series promise more than the future will keep.

    What it sees: the cross-validated score of a shallow model, once with rows shuffled, once trained on the past and
    judged on what comes later. It needs `order=`.

    Why it matters: neighbours in time are alike. A split that shuffles them asks about days between days that the
    model knows; in use it is asked about days that nobody knows yet.

    What helps: splitting along time, which remedy does where `order=` is given, and reporting that score.

    Source: Bergmeir and Benitez, "On the use of cross-validation for time series predictor evaluation", Information
    Sciences 191, 2012.
    """

    code, name, severity = "DAT113", "future-leak", "warning"
    fires_on = (Evidence(shallow=Shallow(2, 0.31, 0.02, 0.0, "a forest of trees", shuffled=0.92)),)
    silent_on = (
        Evidence(shallow=Shallow(2, 0.88, 0.02, 0.0, "a forest of trees", shuffled=0.92)),
        Evidence(shallow=Shallow(2, 0.31, 0.02, 0.0, "a forest of trees")),
    )

    tolerance: float = 0.1

    def detect(self, shallow: Shallow) -> Finding | None:
        """Compare the two splits."""
        if shallow.shuffled is None:
            return None
        room = max(self.tolerance * (1 - shallow.constant), 2 * shallow.error)
        if shallow.shuffled - shallow.score <= room:
            return None
        return Finding(
            f"With rows shuffled, {shallow.model} reaches {shallow.shuffled:.2f}, on what comes later than all that it "
            f"knows {shallow.score:.2f} (an answer that learns nothing {shallow.constant:.2f}): the second is honest.",
            measured={"shuffled": shallow.shuffled, "by_time": shallow.score},
            threshold=room,
        )
