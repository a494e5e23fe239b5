"""majority-collapse: the network answers one class to everything and is not leaving it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Start


class MajorityCollapse(Detector):
    """The network answers the same class to every row and is not leaving it.

    What it sees: on probe rows of all classes, in inference mode, one class takes (nearly) all
    predictions for several epochs in a row, while the training loss is still no better than that
    of the best constant answer, the entropy of the class shares.

    Why it matters: accuracy is then constant at the share of that class, however the loss moves;
    more epochs of the same change nothing visible.

    What helps: class weights or oversampling, scaled inputs, a learning rate that can move, less
    dropout, a smaller network; where BatchNormalization lags, a smaller momentum.

    Source: the loss of the best constant is the entropy of the prior (Karpathy, "A Recipe for
    Training Neural Networks", 2019: verify the loss at initialisation). The patience is a tenth of
    the planned epochs, because healthy networks may begin like this.
    """

    code, name, severity, symptom = "GEN403", "majority-collapse", "error", True
    remedies = (
        "freeze-backbone",
        "scale-inputs",
        "learning-rate",
        "class-weights",
        "add-normalization",
        "optimizer",
        "batchnorm-momentum",
        "less-dropout",
        "initializer",
        "oversampling",
        "simplify-architecture",
    )
    tasks = ("binary", "multiclass")
    fires_on = (
        Evidence(
            task="multiclass",
            loss=(1.02, 0.91, 0.85, 0.84, 0.83),
            prior_loss=0.74,
            predicted_counts=((64, 0, 0),) * 5,
            class_counts={0: 963, 1: 110, 2: 231},
            epochs_planned=20,
        ),
    )
    silent_on = (
        Evidence(
            task="multiclass",
            loss=(1.02, 0.91, 0.70, 0.52, 0.41),
            prior_loss=0.74,
            predicted_counts=((64, 0, 0),) * 5,
            class_counts={0: 963, 1: 110, 2: 231},
            epochs_planned=20,
        ),
        Evidence(
            task="binary",
            loss=(0.7, 0.69, 0.69, 0.69),
            prior_loss=0.69,
            predicted_counts=((60, 4), (40, 24), (30, 34), (33, 31)),
            class_counts={0: 500, 1: 500},
            epochs_planned=20,
        ),
    )

    share: float = 0.995
    patience: float = 0.1
    least_epochs: int = 4
    learned: float = 0.05
    found: float = 0.1

    def detect(
        self,
        loss: Sequence[float],
        predicted_counts: Sequence[Sequence[int]],
        class_counts: Mapping[int, int],
        epochs_planned: int = 0,
        prior_loss: float | None = None,
        start: Start | None = None,
        probe_recalls: Sequence[Sequence[float]] | None = None,
    ) -> Finding | None:
        """Count how long one class has taken every prediction, and look whether the loss left the prior."""
        if sum(rows > 0 for rows in class_counts.values()) < 2:
            return None
        needed = self.needed_epochs(epochs_planned)
        recent = [counts for counts in predicted_counts[-needed:] if sum(counts)]
        if min(len(recent), len(loss)) < needed or any(max(c) / sum(c) < self.share for c in recent):
            return None
        if len({c.index(max(c)) for c in map(list, recent)}) > 1:
            return None  # It flips between classes: something is moving still.
        if prior_loss is not None and math.isfinite(loss[-1]) and loss[-1] < (1 - self.learned) * prior_loss:
            return None  # Training mode has left the prior; inference may follow (batchnorm-lag).
        if prior_loss is None and math.isfinite(loss[-1]) and loss[-1] < (1 - self.learned) * loss[-needed]:
            return None  # Nobody knows what a constant answer costs, and the loss falls.
        warming = start is not None and 0 < len(loss) < epochs_planned
        if warming and prior_loss is not None and prior_loss < loss[-1] < (1 - self.learned) * loss[-2]:
            return None  # A fresh head on loaded layers begins far above the prior and comes down to it still.
        if probe_recalls and sum(recall > self.found for recall in probe_recalls[-1]) > 1:
            return None  # One class is nearly all of the rows, and the others are found all the same.
        counts = list(recent[-1])
        answer = counts.index(max(counts))
        floor = "" if prior_loss is None else f", that of the best constant answer is {prior_loss:.3f}"
        return Finding(
            f"{_many(counts)} answered with class {answer}, for {needed} epochs in a row; "
            f"the training loss is {loss[-1]:.3f}{floor}.",
            measured={"share": max(counts) / sum(counts), "epochs": float(needed), "loss": float(loss[-1])},
            threshold=self.share,
            confidence=0.95,
        )

    def needed_epochs(self, epochs_planned: int) -> int:
        """Return the epochs in a row that make it certain: a tenth of the plan, within 4 and 8, never more than all."""
        needed = min(2 * self.least_epochs, max(self.least_epochs, math.ceil(self.patience * epochs_planned)))
        return max(2, min(needed, epochs_planned)) if epochs_planned else needed


def _many(counts: Sequence[int]) -> str:
    if max(counts) == sum(counts):
        return f"Every one of {sum(counts)} probe rows is"
    return f"{max(counts)} of {sum(counts)} probe rows are"
