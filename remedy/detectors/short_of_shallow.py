"""short-of-shallow: the epochs are over, and a shallow model covers far more of the way."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import is_on_its_way, judged
from remedy.evidence.evidence import Evidence, Shallow


class ShortOfShallow(Detector):
    """The planned epochs are over, and a shallow model covers far more of the way from a constant answer.

    What it sees: the network's score at its last epoch, on validation rows where there are some, against the
    cross-validated score of a small forest or a linear model with class weights, both measured from what a constant
    answer scores. A short program whose score still closes a fifth of what is left with every epoch is on its way, and
    one whose loss ended near zero on its training rows is a matter of overfitting.

    Why it matters: two of three classes found, or the frequent class alone, looks like a run that learnt something. A
    model that a second's work fits shows what the same rows allow.

    What helps: what underfitting asks for; class weights where a class is neglected; or the shallow model itself.

    Source: the habit of starting with the simplest model that can work (Karpathy, "A Recipe for Training Neural
    Networks", 2019, "set up dumb baselines").
    """

    code, name, severity, symptom = "GEN407", "short-of-shallow", "error", True
    remedies = (
        "scale-inputs",
        "learning-rate",
        "optimizer",
        "class-weights",
        "train-longer",
        "less-dropout",
        "add-normalization",
        "widen-architecture",
        "swap-activation",
        "oversampling",
    )
    fires_on = (
        Evidence(
            probe_score=(0.33, 0.6, 0.66, 0.667),
            constant_score=0.333,
            epochs_planned=4,
            shallow=Shallow(4, 0.95, 0.02, 0.333, "a forest of trees"),
        ),
    )
    silent_on = (
        Evidence(
            probe_score=(0.33, 0.6, 0.8, 0.86),
            constant_score=0.333,
            epochs_planned=4,
            shallow=Shallow(4, 0.95, 0.02, 0.333, "a forest of trees"),
        ),
        Evidence(
            probe_score=(0.33, 0.6, 0.66, 0.667),
            constant_score=0.333,
            epochs_planned=40,
            shallow=Shallow(4, 0.95, 0.02, 0.333, "a forest of trees"),
        ),
    )

    way: float = 0.6
    gap: float = 0.1
    closing: float = 0.2
    solved: float = 0.1

    def detect(
        self,
        probe_score: Sequence[float],
        shallow: Shallow,
        epochs_planned: int,
        val_score: Sequence[float] | None = None,
        probe_loss: Sequence[float] | None = None,
        prior_loss: float | None = None,
    ) -> Finding | None:
        """Compare how far both came, at the end."""
        if len(probe_score) < epochs_planned:
            return None
        told, rows = judged(probe_score, val_score)
        scores = [s for s in told if math.isfinite(s)]
        if not scores or (probe_loss and prior_loss is not None and probe_loss[-1] < self.solved * prior_loss):
            return None
        mine, there = max(scores[-2:]), rows == "validation" and shallow.held is not None
        reach = min(shallow.score, shallow.held or 0.0) if there else shallow.score  # On the same rows.
        room = reach - 2 * shallow.error - shallow.constant
        if room <= self.gap or mine - shallow.constant >= self.way * room:
            return None
        if is_on_its_way(scores, reach, self.closing):
            return None
        if reach - 2 * shallow.error - mine <= self.gap:
            return None
        how = "on these" if there and reach != shallow.score else "cross-validated"
        return Finding(
            f"After all {len(probe_score)} epochs the score on {rows} rows is {mine:.2f}; {how}, "
            f"{shallow.model} reaches {reach:.2f}, a constant answer {shallow.constant:.2f}.",
            measured={"network": mine, "shallow": reach, "constant": shallow.constant},
            threshold=self.way,
            confidence=0.8,
        )
