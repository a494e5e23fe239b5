"""slow-learning: at this pace the planned epochs end long before anything is learned."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import is_early, is_on_its_way
from remedy.evidence.evidence import Evidence, Shallow


class SlowLearning(Detector):
    """At this pace the planned epochs end long before anything is learned.

    What it sees: the loss, continued to the last planned epoch with the relative fall of the recent ones. First, a
    loss that is still no better than that of a constant answer and will not become so; a loss that falls from third
    to third of the run is not slow, and a few hundred steps are no time. Second, from three quarters of the epochs
    on, a score less than half as far from the constant answer as that of a shallow model, with a loss that hardly
    moves. Third, at the end, a score well short of the shallow model's while the loss was still falling steeply: too
    few epochs. A short program whose score closes a fifth of what is left with every epoch is on its way.

    Why it matters: more of the same takes many times as long as planned; a learning rate ten times
    as large often does it at once.

    What helps: a larger learning rate (or one that does not decay away), an adaptive optimizer,
    scaled inputs and targets, more epochs.

    Source: Bengio, "Practical recommendations for gradient-based training of deep architectures",
    2012, section 3.1.1 (the learning rate is the one setting that must be right).
    """

    code, name, severity, symptom = "OPT407", "slow-learning", "error", True
    remedies = (
        "learning-rate",
        "optimizer",
        "add-normalization",
        "train-longer",
        "scale-inputs",
        "swap-activation",
        "initializer",
        "less-dropout",
        "simplify-architecture",
    )
    fires_on = (
        Evidence(loss=(0.734, 0.733, 0.732, 0.731, 0.730), prior_loss=0.693, epochs_planned=30),
        Evidence(
            loss=(0.14, 0.089, 0.073, 0.065),
            prior_loss=0.163,
            probe_score=(0.38, 0.52, 0.59, 0.63),
            constant_score=0.0,
            epochs_planned=4,
            shallow=Shallow(4, 0.99, 0.001, 0.0, "a forest of trees"),
        ),
    )
    silent_on = (
        Evidence(loss=(0.74, 0.70, 0.65, 0.58, 0.50), prior_loss=0.693, epochs_planned=30),
        Evidence(
            loss=(0.7, 0.6, 0.55, 0.53, 0.52),
            prior_loss=0.693,
            probe_score=(0.5, 0.7, 0.76, 0.78, 0.79),
            constant_score=0.5,
            epochs_planned=5,
            shallow=Shallow(5, 0.82, 0.01, 0.5, "a forest of trees"),
        ),
    )

    at_prior: float = 0.97
    above_prior: float = 1.01
    reach: float = 0.9
    patience: float = 0.15
    least_epochs: int = 5
    late: float = 0.75
    behind: float = 0.5
    short: float = 0.75
    steep: float = 0.04
    swing: float = 1.2
    least_steps: int = 400
    third: float = 0.95
    closing: float = 0.2
    gap: float = 0.1
    started: float = 0.2
    decayed: float = 0.05
    resting: float = 0.8
    recent: int = 5

    def detect(
        self,
        loss: Sequence[float],
        epochs_planned: int,
        prior_loss: float | None = None,
        probe_loss: Sequence[float] | None = None,
        probe_score: Sequence[float] | None = None,
        constant_score: float | None = None,
        shallow: Shallow | None = None,
        learning_rate: Sequence[float] | None = None,
        steps_per_epoch: int | None = None,
    ) -> Finding | None:
        """Continue the loss to the planned end, and compare the score with the shallow model's."""
        series = probe_loss if probe_loss and len(probe_loss) == len(loss) else loss
        epochs, left = len(loss), max(0, epochs_planned - len(loss))
        needed = max(self.least_epochs, math.ceil(self.patience * epochs_planned))
        if not epochs or epochs < min(epochs_planned, needed):
            return None
        if epochs == 1:
            return self._single(series[0], prior_loss, probe_score, shallow)
        span = max(1, min(epochs - 1, max(2, epochs // 3)))
        now, then = series[-1], series[-1 - span]
        if not (math.isfinite(now) and math.isfinite(then)) or now <= 0 or then <= 0:
            return None
        recent = loss[-1 - max(span, self.recent) :]
        swings = any(after > self.swing * before for before, after in itertools.pairwise(recent))
        pace = min(1.0, (now / then) ** (1 / span))
        expected = now * pace**left
        if prior_loss is not None and prior_loss > 0 and min(series[-span:]) > self.at_prior * prior_loss:
            # At the prior itself nothing is slow any more: that is flat-loss.
            far = now > self.above_prior * prior_loss and expected > self.reach * prior_loss
            early = is_early(epochs, epochs_planned, steps_per_epoch, self.least_steps)
            if far and now < then and not swings and not early and not self._falls(series):
                says = f"After {epochs} epochs the loss is {now:.4g}, a constant answer costs {prior_loss:.4g}"
                return self._finding(says, pace, expected, left, 0.85, learning_rate)
            return None
        if shallow is None or not probe_score or constant_score is None or shallow.score <= constant_score + self.gap:
            return None
        if not left and is_on_its_way(probe_score, shallow.score, self.closing):
            return None
        mine = max((s for s in probe_score[-3:] if math.isfinite(s)), default=constant_score)
        way = (mine - constant_score) / (shallow.score - constant_score)
        says = (
            f"After {epochs} epochs the score is {mine:.2f}, {shallow.model} reaches {shallow.score:.2f} "
            f"and a constant answer {constant_score:.2f}"
        )
        if not left and way < self.short and 1 - pace > self.steep and not swings:
            says += "; the loss was still falling when the epochs were over: too few epochs"
            return self._finding(says, pace, expected, left, 0.8, learning_rate)
        late = epochs >= max(self.least_epochs, self.late * epochs_planned)
        if late and way < self.behind and expected > self.resting * now and not swings:
            return self._finding(says, pace, expected, left, 0.8, learning_rate)
        if not left and way < self.behind:
            return self._finding(says, pace, expected, left, 0.75, learning_rate)
        return None

    def _falls(self, series: Sequence[float]) -> bool:
        """Say whether the loss was clearly lower in every third of the run than in the one before."""
        third = len(series) // 3
        if third < 1:
            return False
        means = [sum(series[len(series) - k * third :][:third]) / third for k in (3, 2, 1)]
        return all(after < self.third * before for before, after in itertools.pairwise(means))

    def _single(
        self, cost: float, prior: float | None, scores: Sequence[float] | None, shallow: Shallow | None
    ) -> Finding | None:
        """Judge a training of one epoch, which has no pace: it must have left the constant answer."""
        if prior is None or shallow is None or not scores or not cost > self.above_prior * prior:
            return None
        way = (scores[-1] - shallow.constant) / max(1e-12, shallow.score - shallow.constant)
        if shallow.score <= shallow.constant + self.gap or way > self.started:
            return None
        return Finding(
            f"The one planned epoch ends with a loss of {cost:.4g}, a constant answer costs {prior:.4g}; the score is "
            f"{scores[-1]:.2f}, {shallow.model} reaches {shallow.score:.2f}: too few epochs.",
            measured={"loss": cost, "prior": prior},
            threshold=self.above_prior * prior,
            confidence=0.75,
        )

    def _finding(
        self,
        says: str,
        pace: float,
        expected: float,
        left: int,
        confidence: float,
        rates: Sequence[float] | None,
    ) -> Finding:
        if rates and rates[-1] < self.decayed * max(rates):
            says += f"; the learning rate has decayed from {max(rates):.2g} to {rates[-1]:.2g}"
        pace_text = f"at {1 - pace:.1%} an epoch it will be {expected:.4g} after the {left} epochs left"
        return Finding(
            f"{says}{f'; {pace_text}' if left else ''}.",
            measured={"fall_an_epoch": 1 - pace, "expected_loss": expected, "epochs_left": float(left)},
            threshold=self.reach,
            confidence=confidence,
        )
