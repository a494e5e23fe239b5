"""underfitting: a shallow model does much better on the same rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Shallow


class Underfitting(Detector):
    """A shallow model on plain or summary features does much better than the network.

    What it sees: the cross-validated score of a small forest (or a linear model) against the score
    of the network on rows it was even trained on, after half of the planned epochs.

    Why it matters: the rows can be learned, so the trouble lies in the network or in how it is
    trained, and not in the data.

    What helps: scaled inputs, another learning rate, longer training, a network that fits the data;
    or the shallow model itself.

    Source: the habit of starting with the simplest model that can work (Karpathy, "A Recipe for
    Training Neural Networks", 2019, "set up dumb baselines").
    """

    code, name, severity, symptom = "GEN402", "underfitting", "warning", True
    remedies = (
        "scale-inputs",
        "learning-rate",
        "optimizer",
        "train-longer",
        "widen-architecture",
        "less-dropout",
        "class-weights",
        "add-normalization",
    )
    fires_on = (
        Evidence(
            loss=(1.1,) * 5, probe_score=(0.33,) * 5, epochs_planned=6, shallow=Shallow(2, 0.76, 0.02, 0.33, "a forest")
        ),
    )
    silent_on = (
        Evidence(
            loss=(1.1,) * 5, probe_score=(0.7,) * 5, epochs_planned=6, shallow=Shallow(2, 0.76, 0.02, 0.33, "a forest")
        ),
    )

    gap: float = 0.15
    patience: float = 0.5

    def detect(
        self, probe_score: Sequence[float], shallow: Shallow, epochs_planned: int | None = None
    ) -> Finding | None:
        """Compare the network's best recent score with the shallow model's."""
        if len(probe_score) < max(2.0, self.patience * (epochs_planned or 0)) and len(probe_score) != epochs_planned:
            return None
        best = max((s for s in probe_score[-3:] if math.isfinite(s)), default=math.nan)
        if not shallow.score - 2 * shallow.error - best > self.gap:
            return None
        return Finding(
            f"Cross-validated, {shallow.model} reaches {shallow.score:.2f} on these rows; the network is at {best:.2f} "
            f"after {len(probe_score)} epochs (a constant answer: {shallow.constant:.2f}).",
            measured={"network": best, "shallow": shallow.score, "constant": shallow.constant},
            threshold=self.gap,
            confidence=0.85,
        )
