"""unlucky-initialisation: the same program fails from some seeds and learns from others."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence


class UnluckyInitialisation(Detector):
    """The same program fails from some seeds and learns from others.

    What it sees: scores of the untouched program from several fresh seeds, as a search measures
    them when it proves a fix: at least one near the constant answer, at least one far above it.

    Why it matters: a single run says nothing about such a program, neither a bad nor a good one.

    What helps: another seed at once; for good, a network that is less deep or narrow, another
    initializer, normalization layers.

    Source: Lu, Shin, Su, Karniadakis, "Dying ReLU and Initialization: Theory and Numerical
    Examples", 2019 (narrow deep relu networks are born dead with high probability).
    """

    code, name, severity, symptom = "GEN404", "unlucky-initialisation", "warning", True
    remedies = ("widen-architecture", "initializer", "restart", "swap-activation", "simplify-architecture")
    fires_on = (Evidence(seed_scores=(0.33, 0.81, 0.79), constant_score=0.33),)
    silent_on = (
        Evidence(seed_scores=(0.78, 0.81, 0.79), constant_score=0.33),
        Evidence(seed_scores=(0.33, 0.34, 0.33), constant_score=0.33),
    )

    failed: float = 0.15
    learned: float = 0.5

    def detect(self, seed_scores: Sequence[float], constant_score: float) -> Finding | None:
        """Look how far each seed came on the way from a constant answer to a perfect one."""
        room = 1.0 - constant_score
        ways = [(s - constant_score) / room for s in seed_scores if math.isfinite(s)] if room > 0 else []
        bad, good = sum(w < self.failed for w in ways), sum(w > self.learned for w in ways)
        if not bad or not good:
            return None
        return Finding(
            f"Of {len(ways)} seeds {bad} end near the constant answer ({constant_score:.2f}) and {good} learn: "
            f"{min(seed_scores):.2f} to {max(seed_scores):.2f}.",
            measured={"failed": float(bad), "learned": float(good), "worst": min(seed_scores)},
            threshold=self.failed,
            confidence=0.9,
        )
