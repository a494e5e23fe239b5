"""Hands on a copy of the model whenever it is better than before."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from remedy.errors import RemedyWarning

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
        self._failed = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Let Keras decide; hand on what it wrote. A model that Keras cannot save costs a warning, and no training."""
        if self._failed:
            return
        try:
            self._save(epoch, logs)
        except Exception as error:
            self._failed = True
            text = f"No checkpoints are kept: Keras cannot save this model ({type(error).__name__}: {error})"
            warnings.warn(text, RemedyWarning, stacklevel=2)

    def _save(self, epoch: int, logs: Any) -> None:
        told = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
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
