"""undefined-loss-gradient: the gradient of the user's own loss is no number where an answer is exactly right."""

from __future__ import annotations

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class UndefinedLossGradient(Detector):
    """The gradient of the user's own loss is no number where an answer is exactly right.

    What it sees: the gradient of a loss of the user's own by the answer, where the answers are the labels themselves.

    Why it matters: the first row that is answered exactly (a zero behind a relu is enough) turns every weight into
    NaN, in an epoch that nobody can foresee. A square root of a squared error does this, and so do norms, logarithms
    and quotients of an error.

    What helps: a small number inside the root, the logarithm or the quotient: ``ops.sqrt(x + 1e-12)``.

    Source: d sqrt(x) / dx is infinite at 0, and 0 times infinity is no number; Higham, "Accuracy and Stability of
    Numerical Algorithms", 2002, on removable singularities.
    """

    code, name, severity = "HED215", "undefined-loss-gradient", "warning"
    remedies = ("swap-activation",)
    fires_on = (Evidence(loss_name="rmse", loss_defined_at_zero=False),)
    silent_on = (Evidence(loss_name="rmse", loss_defined_at_zero=True),)

    def detect(self, loss_defined_at_zero: bool, loss_name: str | None = None) -> Finding | None:
        """Report a gradient that is no number."""
        if loss_defined_at_zero:
            return None
        return Finding(
            f"The gradient of your loss {loss_name or ''} is not a number at an error of 0: one row that is answered "
            "exactly turns every weight into NaN. Add a small number inside its root, logarithm or quotient.",
            measured={"error": 0.0},
            confidence=0.98,
        )
