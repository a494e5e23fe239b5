"""constant-output: the network gives the same numbers whatever the input is."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.detectors._symptoms import NOT_LEARNING
from remedy.evidence.evidence import Evidence


class ConstantOutput(Detector):
    """The outputs hardly differ from row to row: the loss sits at that of a constant.

    What it sees: the largest standard deviation of an output unit over the probe rows, against 1
    for probabilities and against the spread of the target for regression, for several epochs in a
    row, with a training loss at (or above) the loss of the best constant answer: ln K for K
    balanced classes. Two epochs are enough where the outputs are equal to the last digit and the loss is
    that of the constant answer: behind a layer that is dead on every row no gradient gets past it.

    Why it matters: nothing of the input reaches the output. The signal has died on the way (dead
    or saturated units, a learning rate that blew the weights up, a very deep plain stack), and
    what trains is only the last bias.

    What helps: scaled inputs, a smaller learning rate, normalization layers, a shallower network.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019 (loss at initialisation);
    loss at ln K alone is no proof, so the outputs themselves must be constant.
    """

    code, name, severity, symptom = "OPT404", "constant-output", "error", True
    remedies = NOT_LEARNING
    fires_on = (
        Evidence(
            task="multiclass",
            loss=(1.1004, 1.0987, 1.0986, 1.0987, 1.0986),
            prior_loss=1.0986,
            output_spread=(1e-4, 2e-5, 1e-6, 1e-6, 1e-6),
            epochs_planned=100,
        ),
    )
    silent_on = (
        Evidence(
            task="multiclass",
            loss=(1.10, 1.09, 0.98, 0.80, 0.61),
            prior_loss=1.0986,
            output_spread=(1e-3, 0.02, 0.1, 0.2, 0.3),
            epochs_planned=100,
        ),
    )

    spread: float = 0.003
    above: float = 0.98
    epochs: int = 4
    if_dead: int = 2

    def detect(
        self,
        loss: Sequence[float],
        output_spread: Sequence[float],
        prior_loss: float | None = None,
        target_spread: float | None = None,
        epochs_planned: int | None = None,
    ) -> Finding | None:
        """Look whether the outputs have been constant over the last epochs."""
        at_prior = bool(prior_loss and loss) and abs(loss[-1] / (prior_loss or 1.0) - 1) <= 1 - self.above
        dead = at_prior and len(output_spread) >= self.if_dead and not any(output_spread[-self.if_dead :])
        usual = self.epochs if not epochs_planned else max(2, min(self.epochs, epochs_planned))
        needed = self.if_dead if dead else usual
        recent = output_spread[-needed:]
        unit = target_spread if target_spread and math.isfinite(target_spread) else 1.0
        if not loss or len(recent) < needed or not all(math.isfinite(s) for s in recent):
            return None
        if max(recent) > self.spread * unit:
            return None
        if prior_loss is not None and loss[-1] < self.above * prior_loss:
            return None
        floor = (
            "" if prior_loss is None else f"; the loss is {loss[-1]:.4f}, that of a constant answer {prior_loss:.4f}"
        )
        return Finding(
            f"The outputs differ by {recent[-1]:.1e} (standard deviation over the probe rows) "
            f"for {needed} epochs{floor}.",
            measured={"output_spread": float(recent[-1]), "loss": float(loss[-1])},
            threshold=self.spread * unit,
            confidence=0.97,
        )
