"""flat-loss: the loss stays at that of a constant answer and shows no trend."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from statistics import mean, pstdev

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import NOT_LEARNING, is_early
from remedy.evidence.evidence import Evidence


class FlatLoss(Detector):
    """The training loss rests at that of a constant answer and does not leave it.

    What it sees: over the last quarter of the plan (five epochs at least) the loss against that of
    the best constant answer (ln K for K balanced classes, the variance for a squared error): never
    better by more than a few per cent, no fall to speak of from the first third to the last, and no
    swings: a loss that runs away or jumps is another trouble. Of a run that something else logged no
    constant answer is known: there the loss must rest where it began, over all of six epochs or more,
    with no fall beyond its jitter and no accuracy that moves or is high.

    Why it matters: a constant needs no network. Whatever the epochs do, nothing of the input is used.

    What helps: scaled inputs, a learning rate that moves the weights (or does not blow them up),
    another initialisation, a head that fits the loss.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019 (know the loss of the prior).
    Four collected reports of programs pinned at ln K were still there after a hundred epochs.
    """

    code, name, severity, symptom = "OPT403", "flat-loss", "error", True
    remedies = (*NOT_LEARNING, "class-weights")
    fires_on = (Evidence(loss=(0.701, 0.694, 0.693, 0.6932, 0.6931, 0.6931), prior_loss=0.6931, epochs_planned=20),)
    silent_on = (
        Evidence(loss=(0.70, 0.69, 0.68, 0.665, 0.65, 0.62), prior_loss=0.6931, epochs_planned=20),
        Evidence(loss=(0.61, 0.609, 0.609, 0.609, 0.609, 0.609), prior_loss=0.6931, epochs_planned=20),
    )

    above: float = 0.98
    fall: float = 0.02
    steady: float = 1.5
    patience: float = 0.25
    least_epochs: int = 5
    unaided: int = 6
    least_steps: int = 400
    moved: float = 0.02
    high: float = 0.9

    def detect(
        self,
        loss: Sequence[float],
        prior_loss: float | None = None,
        epochs_planned: int | None = None,
        probe_loss: Sequence[float] | None = None,
        probe_score: Sequence[float] | None = None,
        constant_score: float | None = None,
        predicted_counts: Sequence[Sequence[int]] | None = None,
        metrics: Mapping[str, Sequence[float]] | None = None,
        val_loss: Sequence[float] | None = None,
        steps_per_epoch: int | None = None,
    ) -> Finding | None:
        """Compare the recent loss with that of the best constant, and with itself some epochs ago."""
        if prior_loss is None:
            return self._at_its_start(loss, val_loss, metrics or {}, probe_score or ())
        needed = max(self.least_epochs, math.ceil(self.patience * (epochs_planned or 0)))
        if len(loss) < needed or prior_loss <= 0:
            return None
        if is_early(len(loss), epochs_planned or 0, steps_per_epoch, self.least_steps):
            return None
        recent = [v for v in loss[-needed:] if math.isfinite(v)]
        if len(recent) < needed:
            return None
        # A weight penalty adds to the training loss; the loss on probe rows is without it.
        costs = [min(pair) for pair in zip(recent, (probe_loss or recent)[-needed:], strict=False)]
        if not costs or min(costs) < self.above * prior_loss or max(costs) > self.steady * min(costs):
            return None
        third = max(1, needed // 3)
        before, after = min(recent[:third]), min(recent[-third:])
        fallen = (before - after) / prior_loss
        if fallen > self.fall:
            return None
        rows = sum(predicted_counts[-1]) if predicted_counts else 100
        luck = max(0.1, 1 / math.sqrt(max(1, rows)))  # Two standard errors of a coin on so few rows.
        if probe_score and constant_score is not None and max(probe_score[-needed:]) > constant_score + luck:
            return None  # Rows are told apart although the loss is no better: another trouble.
        return Finding(
            f"For {needed} epochs the loss has been {min(recent):.4g} to {max(recent):.4g}; "
            f"a constant answer costs {prior_loss:.4g}.",
            measured={"loss": recent[-1], "prior": prior_loss, "fall": fallen},
            threshold=self.above * prior_loss,
            confidence=0.9,
        )

    def _at_its_start(
        self,
        loss: Sequence[float],
        val_loss: Sequence[float] | None,
        metrics: Mapping[str, Sequence[float]],
        scores: Sequence[float],
    ) -> Finding | None:
        """Judge a loss without a constant answer beside it: has it ever left where it began?"""
        if len(loss) < self.unaided or not all(math.isfinite(v) and v > 0 for v in loss) or scores:
            return None
        if max(loss) > self.steady * min(loss) or _fallen(loss, self.fall) or _fallen(val_loss or (), self.fall):
            return None
        for name in ("accuracy", "val_accuracy"):
            shares = [v / (1 if max(metrics[name]) <= 1 else 100) for v in metrics.get(name, ()) if math.isfinite(v)]
            if shares and (max(shares) - shares[0] > self.moved or max(shares) > self.high):
                return None  # Rows are told apart, or the loss has nowhere left to go.
        return Finding(
            f"In {len(loss)} epochs the loss has not left where it began: {min(loss):.4g} to {max(loss):.4g}.",
            measured={"loss": loss[-1], "first": loss[0]},
            threshold=self.fall,
            confidence=0.6,
        )


def _fallen(series: Sequence[float], share: float) -> bool:
    """Say whether a loss fell from its first third to its last: by a share of it, or by more than its jitter."""
    third = len(series) // 3
    if third < 1 or not all(math.isfinite(v) for v in series):
        return False
    before, after = mean(series[:third]), mean(series[-third:])
    if before - after > share * abs(before):
        return True
    jitter = pstdev([b - a for a, b in itertools.pairwise(series)]) / math.sqrt(2)  # A steady fall is no jitter.
    return before - after > max(2 * jitter * math.sqrt(2 / third), 0.001 * abs(before))
