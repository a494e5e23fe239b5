"""group-leak: rows of one group look alike, and a split that mixes them promises too much."""

from __future__ import annotations

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Shallow


class GroupLeak(Detector):
    """Rows of one group look alike, so a random split would promise more than new groups will see.

    What it sees: the cross-validated score of a shallow model, once with rows of one group on both
    sides of the split, once with every group on one side. It needs `groups=`.

    Why it matters: a patient's windows, a writer's letters or a machine's records share what has
    nothing to do with the class. A model that knows the group answers for its other rows; for a new
    patient it has learned nothing.

    What helps: splitting by group, which remedy does where `groups=` is given, and reporting that
    score; then more groups, rather than more rows of the same ones.

    Source: Saeb et al., "The need to approximate the use-case in clinical machine learning",
    GigaScience 6(5), 2017 (record-wise against subject-wise cross-validation).
    """

    code, name, severity = "DAT112", "group-leak", "warning"
    fires_on = (Evidence(shallow=Shallow(2, 0.48, 0.02, 0.333, "a forest of trees", mixed=0.81)),)
    silent_on = (
        Evidence(shallow=Shallow(2, 0.78, 0.02, 0.333, "a forest of trees", mixed=0.81)),
        Evidence(shallow=Shallow(2, 0.48, 0.02, 0.333, "a forest of trees")),
    )

    tolerance: float = 0.1

    def detect(self, shallow: Shallow) -> Finding | None:
        """Compare the two splits."""
        if shallow.mixed is None:
            return None
        room = max(self.tolerance * (1 - shallow.constant), 2 * shallow.error)
        if shallow.mixed - shallow.score <= room:
            return None
        return Finding(
            f"With rows of one group on both sides of a split, {shallow.model} reaches {shallow.mixed:.2f}, on groups "
            f"it has never seen {shallow.score:.2f} (a constant {shallow.constant:.2f}): the second is honest.",
            measured={"mixed": shallow.mixed, "apart": shallow.score},
            threshold=room,
        )
