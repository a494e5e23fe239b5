"""Writes down the metrics of every n-th batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np


class StepLog(keras.callbacks.Callback):
    """Hands on what Keras tells after every n-th batch, counted over all epochs: means since the epoch began.

    Example:
        >>> StepLog(lambda values, step: print(step, values), 10).every
        10
    """

    def __init__(self, write: Callable[[Mapping[str, float], int], None], every: int) -> None:
        """Prepare.

        Args:
            write: Takes metrics by name, and the number of the batch.
            every: Batches from one writing to the next.
        """
        super().__init__()
        self.every, self._write, self._batches = every, write, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count, and write where it is time."""
        self._batches += 1
        if self._batches % self.every == 0:
            numbers = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
            self._write({f"batch_{name}": value for name, value in numbers.items()}, self._batches)
