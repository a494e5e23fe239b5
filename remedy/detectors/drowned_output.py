"""drowned-output: the loss of one output is so much larger that the others do not learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, OutputFacts

KIND = OutputFacts("kind", 3, "softmax", loss="sparse_categorical_crossentropy", distinct=3, maximum=2.0)
PRICE = OutputFacts("price", 1, loss="mse", mean=30000.0, std=9000.0, distinct=900, integers=False)


class DrownedOutput(Detector):
    """One output's loss is so much larger than another's that the other does not learn.

    What it sees: of a model of several outputs the loss of each, as Keras logs it. It fires where, from half of the
    epochs on, a classification has not left the cost of a uniform answer while another output costs a hundred times
    as much.

    Why it matters: all outputs share the weights below, and the sum of the losses is what is made smaller. A price in
    the ten thousands under a squared error outweighs a cross-entropy by eight orders of magnitude.

    What helps: targets of zero mean and unit spread, and ``loss_weights`` that bring the losses near to each other.

    Source: Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses", CVPR 2018.
    """

    code, name, severity = "HED216", "drowned-output", "error"
    remedies = ("scale-targets", "loss-weights")
    fires_on = (
        Evidence(
            loss=(9e8, 8e8, 7e8, 6e8),
            epochs_planned=4,
            outputs=(KIND, PRICE),
            metrics={"kind_loss": (1.5, 1.3, 1.2, 1.2), "price_loss": (9e8, 8e8, 7e8, 6e8)},
        ),
    )
    silent_on = (
        Evidence(
            loss=(2.0, 1.0, 0.6, 0.4),
            epochs_planned=4,
            outputs=(KIND, PRICE),
            metrics={"kind_loss": (1.1, 0.7, 0.4, 0.3), "price_loss": (1.0, 0.3, 0.2, 0.1)},
        ),
    )

    ratio: float = 100.0
    uniform: float = 0.85
    better: float = 0.9
    way: float = 0.5
    patience: float = 0.5
    least_epochs: int = 3

    def detect(
        self,
        loss: Sequence[float],
        outputs: Sequence[OutputFacts],
        metrics: Mapping[str, Sequence[float]],
        epochs_planned: int | None = None,
    ) -> Finding | None:
        """Compare the losses of the outputs with each other, and with that of a uniform answer."""
        planned = epochs_planned or self.least_epochs
        if len(outputs) < 2 or len(loss) < max(min(self.least_epochs, planned), math.ceil(self.patience * planned)):
            return None
        last = {f.name: metrics[key][-1] for f in outputs if metrics.get(key := f"{f.name}_loss")}
        for facts in outputs:
            cost, known = last.get(facts.name), facts.cross_entropy
            if cost is None or known not in ("sparse", "categorical") or (facts.units or 0) < 2:
                continue
            chance = math.log(facts.units or 2)
            loud = max((value for name, value in last.items() if name != facts.name), default=0.0)
            series = metrics[f"{facts.name}_loss"]
            learnt = cost < self.uniform * chance and cost < self.better * series[0]
            way = metrics.get(f"{facts.name}_score")
            learnt = learnt or bool(way and way[-1] >= self.way)  # It may have been learnt before this training.
            if not learnt and loud > self.ratio * cost:
                other = max((name for name in last if name != facts.name), key=last.__getitem__)
                return Finding(
                    f"Output {facts.name!r} is at a loss of {cost:.3g}, that of a uniform answer is {chance:.3g}; "
                    f"output {other!r} costs {loud:.3g} and drowns it.",
                    measured={"loss": cost, "uniform": chance, "other": loud},
                    threshold=self.ratio,
                    confidence=0.95,
                )
        return None
