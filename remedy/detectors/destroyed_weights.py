"""destroyed-weights: training made loaded weights worse than they were."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import is_on_its_way, judged
from remedy.evidence.evidence import Evidence, LayerFacts, Start

BEGAN = Start(3, 8, "head", score=0.75, error=0.03, constant=0.2)


class DestroyedWeights(Detector):
    """The network scores far less than a linear model on the features that its loaded weights gave before training.

    What it sees: the score of the network, against the cross-validated score of a linear model or a forest on what the
    last layer read before the first step; only where weights were loaded or trained before. Before the planned epochs
    are over it speaks only of a loss that is no better than that of a constant answer and has not fallen, or falls from
    an explosion: a fresh head begins with nothing.

    Why it matters: loaded weights are the reason for fine-tuning. The gradients of a fresh head are large and random;
    at a rate that suits a training from scratch the first steps undo what was loaded, and few rows cannot bring it
    back.

    What helps: keep the loaded layers as they are, or train the head first and the rest later at a tenth of the rate;
    a lower rate; BatchNormalization in inference mode.

    Source: Kumar, Raghunathan, Jones, Ma and Liang, "Fine-tuning can distort pretrained features and underperform
    out-of-distribution", ICLR 2022; Keras' guide "Transfer learning and fine-tuning".
    """

    code, name, severity = "OPT417", "destroyed-weights", "error"
    tasks = ("binary", "multiclass", "multilabel", "several")
    remedies = ("freeze-backbone", "learning-rate", "batchnorm-inference", "match-preprocessing")
    fires_on = (
        Evidence(probe_score=(0.2,) * 3, loss=(2.1, 1.9, 2.0), epochs_planned=3, start=BEGAN),
        Evidence(probe_score=(0.2,) * 2, loss=(763.0, 61.0), prior_loss=1.6, epochs_planned=15, start=BEGAN),
    )
    silent_on = (
        Evidence(probe_score=(0.2,) * 3, loss=(2.4, 2.2, 2.1), prior_loss=1.6, epochs_planned=3, start=BEGAN),
        Evidence(probe_score=(0.2,) * 3, loss=(5.0, 2.8, 2.1), prior_loss=1.6, epochs_planned=15, start=BEGAN),
    )

    gap: float = 0.1
    way: float = 0.6
    hopeless: float = 0.25
    closing: float = 0.2
    still: float = 0.97
    exploded: float = 20.0
    least_epochs: int = 3

    def _learns(self, told: Sequence[float], prior_loss: float | None, exploded: bool) -> bool:
        """Say whether the loss has fallen, or is better than that of a constant answer."""
        better = prior_loss is not None and told[-1] < self.still * prior_loss
        if better or exploded:
            return better  # Back from an explosion a loss falls without anything being learnt.
        return len(told) < self.least_epochs or told[-1] < self.still * told[-self.least_epochs]

    def _comes_down(self, loss: Sequence[float], prior_loss: float) -> bool:
        """Say whether the loss has never been better than that of a constant answer and falls to the end."""
        last = loss[-self.least_epochs :]
        falls = all(after < before for before, after in itertools.pairwise(last))
        return len(last) > 1 and falls and last[-1] > self.still * prior_loss

    def detect(
        self,
        start: Start,
        probe_score: Sequence[float],
        loss: Sequence[float],
        epochs_planned: int,
        val_score: Sequence[float] | None = None,
        layers: Sequence[LayerFacts] = (),
        prior_loss: float | None = None,
    ) -> Finding | None:
        """Compare both, early where the network does no better than a constant answer, else at the end."""
        if start.score is None or start.trained == 0 or (layers and not any(layer.kernel for layer in layers)):
            return None  # What is frozen is not destroyed.
        told, rows = judged(probe_score, val_score)
        scores = [s for s in told if math.isfinite(s)]
        room = start.score - 2 * start.error - start.constant
        finite = [value for value in loss if math.isfinite(value)]
        exploded = prior_loss is not None and max(finite, default=0.0) > self.exploded * prior_loss
        least = min(self.least_epochs - exploded, epochs_planned)
        if not scores or not finite or len(scores) < least or room <= self.gap:
            return None
        mine, over = max(scores[-2:]), len(probe_score) >= epochs_planned
        if mine - start.constant >= (self.way if over else self.hopeless) * room:
            return None
        if is_on_its_way(scores, start.score, self.closing):
            return None
        if not over and self._learns(finite, prior_loss, exploded):
            return None
        if over and prior_loss is not None and not exploded and self._comes_down(finite, prior_loss):
            return None  # The head is not trained yet; what stands before it may be as good as ever.
        return Finding(
            f"{start.layers} layers began from weights that were loaded or trained before; on what {start.features!r} "
            f"read then a linear model reaches {start.score:.2f}. After {len(probe_score)} epochs the network's score "
            f"on {rows} rows is {mine:.2f}, a constant answer has {start.constant:.2f}.",
            measured={"network": mine, "start": start.score, "constant": start.constant},
            threshold=self.way if over else self.hopeless,
            confidence=0.85,
        )
