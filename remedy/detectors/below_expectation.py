"""below-expectation: the run ended below the score that the user said a healthy one must reach."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import judged
from remedy.evidence.evidence import Evidence


class BelowExpectation(Detector):
    """The run ended below the score that its author expects.

    What it sees: the score after the last planned epoch, on validation rows where there are some, against ``expect=``.

    Why it matters: what a task allows is known better by who works on it than by any rule. A net at .85 may be a
    success, or two thirds of what an older program reached.

    What helps: what the other diagnoses ask for; else the usual: another rate, more epochs, another width.

    Source: the user's own word.
    """

    code, name, severity, symptom = "GEN408", "below-expectation", "error", True
    remedies = (
        "learning-rate",
        "optimizer",
        "train-longer",
        "scale-inputs",
        "class-weights",
        "widen-architecture",
        "less-dropout",
        "add-normalization",
        "regularise",
        "swap-activation",
    )
    fires_on = (Evidence(expected_score=0.9, probe_score=(0.5, 0.7, 0.8), epochs_planned=3),)
    silent_on = (
        Evidence(expected_score=0.9, probe_score=(0.5, 0.7, 0.93), epochs_planned=3),
        Evidence(expected_score=0.9, probe_score=(0.5, 0.7), epochs_planned=3),
    )

    def detect(
        self,
        expected_score: float,
        probe_score: Sequence[float],
        epochs_planned: int,
        val_score: Sequence[float] | None = None,
    ) -> Finding | None:
        """Compare the last score with the expected one."""
        if not probe_score or len(probe_score) < epochs_planned:
            return None
        scores, rows = judged(probe_score, val_score)
        score = scores[-1]
        if math.isfinite(score) and score >= expected_score:
            return None
        return Finding(
            f"After all {len(probe_score)} epochs the score on {rows} rows is {score:.3f}; you expect "
            f"{expected_score:.3f}.",
            measured={"score": score, "expected": expected_score},
            threshold=expected_score,
        )
