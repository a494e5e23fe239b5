"""Hands on a copy of the model whenever it is better than before."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

FILE = "latest_checkpoint.keras"
"""The name under which MLflow's own Keras autologging keeps it, in Keras' own format."""


class Checkpoints(keras.callbacks.Callback):
    """After an epoch whose validation loss is the lowest so far, or whose loss is where nothing is held out.

    Keras' `ModelCheckpoint` decides and writes; this hands the file on and removes it.

    Example:
        >>> Checkpoints(lambda file, told: print(file.name, told["loss"])).model is None
        True
    """

    def __init__(self, keep: Callable[[Path, dict[str, float]], None]) -> None:
        """Take what keeps a file, and hears the metrics of its epoch; it must not raise."""
        super().__init__()
        self._keep = keep
        self._keras: keras.callbacks.ModelCheckpoint | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Let Keras decide; hand on what it wrote."""
        told = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, (int, float))}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / FILE
            if self._keras is None:
                watched = "val_loss" if "val_loss" in told else "loss"
                self._keras = keras.callbacks.ModelCheckpoint(path, monitor=watched, mode="min", save_best_only=True)
                self._keras.set_model(self.model)
            self._keras.filepath = str(path)
            self._keras.on_epoch_end(epoch, logs)
            if path.exists():
                self._keep(path, {**told, "epoch": epoch})
