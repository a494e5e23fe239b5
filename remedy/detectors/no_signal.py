"""no-signal: nothing beats the constant answer on rows that were not trained on, shallow models included."""

from __future__ import annotations

import math
from collections.abc import Sequence

from remedy.detectors._base import Detector, Finding
from remedy.evidence.evidence import Evidence, Shallow, Start


class NoSignal(Detector):
    """Nothing beats the constant answer on unseen rows: neither the network nor shallow models.

    What it sees: the cross-validated score of a small forest and a linear model, within two
    standard errors of the constant answer; and the network's score on validation rows (its loss on
    training rows where there are none), no better either. It speaks at the end of the planned epochs, or from half
    of them on where the training loss has never left that of a constant answer: moving averages that lag, or a slow
    start, look the same before.

    Why it matters: where labels do not depend on the inputs, no learning rate and no architecture
    helps. Labels shuffled by mistake, a join on the wrong key or features without the information
    look exactly like this.

    What helps: looking at the data: print a few rows beside their labels; check that X and y are in
    the same order, and that a person could answer from X alone.

    Source: Karpathy, "A Recipe for Training Neural Networks", 2019 ("become one with the data",
    input-independent baseline).
    """

    code, name, severity = "DAT108", "no-signal", "error"
    no_hope = True
    fires_on = (
        Evidence(
            loss=(1.12, 1.10, 1.09, 1.08, 1.06),
            prior_loss=1.0986,
            val_score=(0.34, 0.31, 0.35, 0.33, 0.32),
            constant_score=0.333,
            epochs_planned=5,
            shallow=Shallow(2, 0.34, 0.01, 0.333, "a forest of trees"),
        ),
    )
    silent_on = (
        Evidence(
            loss=(1.12, 1.10, 1.09, 1.08, 1.06),
            prior_loss=1.0986,
            val_score=(0.34, 0.31, 0.35, 0.33, 0.32),
            constant_score=0.333,
            epochs_planned=15,
            shallow=Shallow(2, 0.76, 0.01, 0.333, "a forest of trees"),
        ),
        Evidence(
            loss=(1.12, 1.0, 0.8, 0.6, 0.5),
            prior_loss=1.0986,
            val_score=(0.34, 0.4, 0.5, 0.6, 0.7),
            constant_score=0.333,
            epochs_planned=15,
            shallow=Shallow(2, 0.34, 0.01, 0.333, "a forest of trees"),
        ),
    )

    tolerance: float = 0.05
    patience: float = 0.5
    least_epochs: int = 5
    at_prior: float = 0.97
    errors: float = 2.0
    looked_at: float = 256

    def _hopeless(self, costs: Sequence[float], prior: float | None) -> bool:
        """Say whether the loss has never left that of a constant answer."""
        return prior is not None and all(not cost < self.at_prior * prior for cost in costs)

    def detect(
        self,
        shallow: Shallow,
        loss: Sequence[float],
        epochs_planned: int | None = None,
        val_score: Sequence[float] | None = None,
        probe_loss: Sequence[float] | None = None,
        prior_loss: float | None = None,
        n_validation: int | None = None,
        start: Start | None = None,
    ) -> Finding | None:
        """Compare network and shallow model with the constant answer."""
        planned = epochs_planned or self.least_epochs
        needed = min(planned, max(self.least_epochs, math.ceil(self.patience * planned)))
        room = self.tolerance * (1 - shallow.constant)
        if len(loss) < needed or shallow.score > shallow.constant + max(room, self.errors * shallow.error):
            return None
        if start is not None and start.score is not None and start.score > start.constant + self.errors * start.error:
            return None  # The features that loaded weights gave before training did find something.
        if len(loss) < planned and not self._hopeless(probe_loss or loss, prior_loss):
            return None
        says = f"Cross-validated, {shallow.model} reaches {shallow.score:.2f}, a constant answer {shallow.constant:.2f}"
        if val_score:
            recent = [s for s in val_score[-needed:] if math.isfinite(s)]
            above = [s - shallow.constant for s in recent]
            # The binomial error of a share at one half, of the rows that are scored after every epoch.
            luck = room + 0.5 / math.sqrt(min(n_validation, self.looked_at)) if n_validation else room
            if not above or max(above) > self.errors * luck or sum(above) / len(above) > luck:
                return None
            says += f"; the network's validation score is {recent[-1]:.2f} after {len(loss)} epochs"
        else:
            cost = min(v for v in (*(probe_loss or loss)[-needed:], math.inf) if not math.isnan(v))
            if prior_loss is None or cost < self.at_prior * prior_loss:
                return None
            says += f"; the network's loss is {cost:.4g}, that of a constant {prior_loss:.4g}"
        return Finding(
            f"{says}: neither has found anything in X that tells about y.",
            measured={"shallow": shallow.score, "constant": shallow.constant},
            threshold=shallow.constant + room,
            confidence=0.85,
        )
