"""The learning-rate range test: how the loss answers to rates that rise from step to step."""

from __future__ import annotations

import math
from typing import Any

import keras


class RateRamp(keras.callbacks.Callback):
    """Raises the learning rate with every batch and remembers the loss of each.

    Source: Smith, "Cyclical Learning Rates for Training Neural Networks", WACV 2017, section 3.3; a
    tenth of the rate at the lowest loss is the usual reading (Howard and Gugger, fastai, 2020).
    """

    LOWEST, HIGHEST, STEPS = 1e-5, 1.0, 100
    SMOOTH = 0.9
    BLOWN_UP = 4.0
    FALLEN = 0.98

    def __init__(self) -> None:
        """Start at the lowest rate."""
        super().__init__()
        self._rates: list[float] = []
        self._losses: list[float] = []
        self._mean, self._batches = 0.0, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Keras' running mean of the loss begins anew."""
        self._mean, self._batches = 0.0, 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the next rate."""
        rate = self.LOWEST * (self.HIGHEST / self.LOWEST) ** (len(self._rates) / self.STEPS)
        self.model.optimizer.learning_rate = rate
        self._rates.append(rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Take the loss of this batch out of the running mean; stop when it blows up."""
        mean = float((logs or {}).get("loss", math.nan))
        self._batches += 1
        self._losses.append(self._batches * mean - (self._batches - 1) * self._mean)
        self._mean = mean
        known = self.smoothed()
        if len(known) >= self.STEPS or not math.isfinite(known[-1]) or known[-1] > self.BLOWN_UP * min(known):
            self.model.stop_training = True

    def smoothed(self) -> list[float]:
        """Return the losses, averaged over about ten batches."""
        found, average = [], 0.0
        for i, loss in enumerate(self._losses, 1):
            average = self.SMOOTH * average + (1 - self.SMOOTH) * loss
            found.append(average / (1 - self.SMOOTH**i))
        return found

    def suggestion(self) -> float | None:
        """Return a tenth of the rate at which the loss was lowest; None where it never fell."""
        known = [loss for loss in self.smoothed() if math.isfinite(loss)]
        if len(known) < self.STEPS // 4 or min(known) > known[0] - (1 - self.FALLEN) * abs(known[0]):
            return None
        return self._rates[known.index(min(known))] / 10
