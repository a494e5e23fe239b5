"""constant-accuracy: the logged accuracy stays where it began while the loss does not fall."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import NOT_LEARNING
from remedy.evidence.evidence import Evidence


class ConstantAccuracy(Detector):
    """The accuracy has never been better than in the first epoch, and the loss does not fall.

    What it sees: every accuracy that was logged, training and validation, over all epochs (six at
    least): none is ever better than at first by a hundredth or more, and the loss of the last half is
    no lower at its end than at its beginning. For runs that something else logged; where remedy
    watches, the predictions on the probe rows say more (majority-collapse, constant-output).

    Why it matters: the network gives one answer to all rows. The first epoch may lower the loss to
    that of a constant answer, so the loss alone can look as if something had been learned.

    What helps: scaled inputs, a learning rate that moves the weights (or does not blow them up),
    another initialisation, class weights where one class is most of the rows.

    Source: published checkers of trainings call an accuracy constant that gains less than 0.01 on
    training and validation.
    """

    code, name, severity, symptom = "OPT416", "constant-accuracy", "error", True
    remedies = (*NOT_LEARNING, "class-weights")
    tasks = ("binary", "multiclass", "multilabel")
    fires_on = (
        Evidence(
            loss=(2.61, 2.31, 2.3027, 2.3026, 2.3026, 2.3027),
            metrics={"accuracy": (0.099, 0.101, 0.1, 0.098, 0.102, 0.1)},
        ),
    )
    silent_on = (
        Evidence(
            loss=(2.31, 2.29, 2.26, 2.2, 2.1, 1.9),
            metrics={"accuracy": (0.1, 0.1, 0.1, 0.102, 0.104, 0.105)},
        ),
    )

    gain: float = 0.01
    fall: float = 0.01
    high: float = 0.9
    least_epochs: int = 6

    def detect(
        self,
        loss: Sequence[float],
        metrics: Mapping[str, Sequence[float]],
        predicted_counts: Sequence[Sequence[int]] | None = None,
    ) -> Finding | None:
        """Compare the best accuracy with the first, and the loss with itself half a run ago."""
        if len(loss) < self.least_epochs or predicted_counts or not all(math.isfinite(v) for v in loss):
            return None
        half = loss[len(loss) // 2 :]
        if half[0] - min(half[1:]) > self.fall * abs(half[0]):
            return None
        seen = [(name, _shares(metrics[name])) for name in ("accuracy", "val_accuracy") if metrics.get(name)]
        if not seen or any(len(shares) < self.least_epochs or not self._rests(shares) for _, shares in seen):
            return None
        name, shares = seen[0]
        return Finding(
            f"Over {len(shares)} epochs the {name} was {min(shares):.4f} to {max(shares):.4f}; it began at "
            f"{shares[0]:.4f} and never gained {self.gain:g}. The loss is {loss[-1]:.4g}.",
            measured={"first": shares[0], "best": max(shares), "loss": loss[-1]},
            threshold=self.gain,
            confidence=0.7,
        )

    def _rests(self, shares: Sequence[float]) -> bool:
        # An accuracy of exactly nought is one of numbers: two of those are never equal, whatever is learned.
        return max(shares) - shares[0] < self.gain and 0 < max(shares) < self.high


def _shares(series: Sequence[float]) -> list[float]:
    """Return finite accuracies as shares; some log per cent."""
    finite = [v for v in series if math.isfinite(v)]
    return [v / 100 for v in finite] if finite and max(finite) > 1 else finite
