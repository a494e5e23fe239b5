"""What logging every epoch costs: the same watched training with a store of SQLite, and with none.

    python benchmarks/logging_cost.py --json

A hundred epochs of 50 milliseconds, all of which remedy watches. Counted is the time from the end of the first epoch
to that of the last: what comes before and after (the run is opened, pictures are drawn, the model is logged) does not
grow with the epochs. Both kinds take turns, after one of each that is not counted; the ratio is that of the medians.
Without a store means a tracking address that nobody answers: remedy warns once and logs nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import mlflow
import numpy as np
from keras import layers

import remedy

NOBODY = "http://127.0.0.1:9"


class Clock(keras.callbacks.Callback):
    """Makes every epoch last as long as it is told to, and keeps when the epochs ended."""

    def __init__(self, seconds: float) -> None:
        """Take the seconds of an epoch."""
        super().__init__()
        self._seconds, self._began = seconds, 0.0
        self.ends: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Note when it began."""
        del epoch, logs
        self._began = time.perf_counter()

    def on_test_begin(self, logs: object = None) -> None:
        """Wait until the epoch has lasted long enough: its batches are over."""
        del logs
        time.sleep(max(0.0, self._seconds - (time.perf_counter() - self._began)))

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        """Note when it ended; the other callbacks come after."""
        del epoch, logs
        self.ends.append(time.perf_counter())


def train(store: str, epochs: int, seconds: float) -> float:
    """Train once; return the seconds from the end of the first epoch to that of the last."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 3, 320)
    X = (2 * np.eye(8)[ids] + rng.normal(size=(320, 8))).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    clock = Clock(seconds)
    mlflow.set_tracking_uri(store)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"epochs": epochs, "validation_split": 0.2, "verbose": 0, "search": False}
        remedy.fit(model, X, np.eye(3)[ids], callbacks=[clock], **options)
    return clock.ends[-1] - clock.ends[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=0.05, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stores = {"logged": f"sqlite:///{Path(folder) / 'mlflow.db'}", "not_logged": NOBODY}
        taken: dict[str, list[float]] = {name: [] for name in stores}
        for _ in range(args.rounds + 1):
            for name, store in stores.items():
                taken[name].append(train(store, args.epochs, args.seconds))
    each = {name: statistics.median(seconds[1:]) / (args.epochs - 1) for name, seconds in taken.items()}
    found = {
        "cost": round(each["logged"] / each["not_logged"] - 1, 4),
        "ms_an_epoch": {name: round(1000 * seconds, 2) for name, seconds in each.items()},
    }
    print(json.dumps(found) if args.json else found)


if __name__ == "__main__":
    main()
