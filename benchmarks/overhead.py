"""What watching costs: `remedy.fit(search=False)` and `mlflow.keras.autolog` against a bare `Model.fit`.

    python benchmarks/overhead.py --json
    python benchmarks/overhead.py --seconds 2 5 --rounds 5

Three healthy programs (an MLP, a Conv1D and a Conv2D net) train for about 2, 5 and 20 seconds, again and again in one
process, in the order bare, remedy, bare, remedy ... and then bare, autolog, bare, autolog ..., so that a machine that
slows down slows both of a pair down, and either comes behind the other. Every run builds a new model from the same
seed. Told are medians over rounds: the ratio of a pair, and the seconds by which it differs. A fit may cost 5 % more
than a bare one, or 0.3 seconds if that is more. Peak memory is the largest resident size that a sampling thread sees.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import mlflow
import numpy as np
from keras import layers

import remedy

PAGE = os.sysconf("SC_PAGE_SIZE")
Program = tuple[Any, Any, Any, dict[str, Any]]


MOST_SHARE, MOST_SECONDS = 0.05, 0.3
"""A watched fit may take this share longer than a bare one, or these seconds."""


def mlp(epochs: int) -> Program:
    """Dense layers on a table."""
    X, y = _classes((60,), rows=20_000)
    model = keras.Sequential([keras.Input((60,)), layers.Dense(128, "relu"), layers.Dense(128, "relu"), _head()])
    return _compiled(model), X, y, {"epochs": epochs, "batch_size": 32, "validation_split": 0.2}


def conv1d(epochs: int) -> Program:
    """Convolutions on signals."""
    X, y = _classes((256, 1), rows=4_000)
    model = keras.Sequential(
        [
            keras.Input((256, 1)),
            layers.Conv1D(16, 5, activation="relu"),
            layers.MaxPooling1D(4),
            layers.Conv1D(32, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
            _head(),
        ]
    )
    return _compiled(model), X, y, {"epochs": epochs, "batch_size": 32, "validation_split": 0.2}


def conv2d(epochs: int) -> Program:
    """Convolutions on pictures."""
    X, y = _classes((32, 32, 3), rows=2_500)
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            _head(),
        ]
    )
    return _compiled(model), X, y, {"epochs": epochs, "batch_size": 32, "validation_split": 0.2}


def bare(program: Program) -> None:
    """Train as Keras does."""
    model, X, y, fit = program
    model.fit(X, y, verbose=0, **fit)


def watched(program: Program) -> None:
    """Train under remedy."""
    model, X, y, fit = program
    result = remedy.fit(model, X, y, verbose=0, search=False, experiment="overhead", log_data=False, **fit)
    assert not result.stuck, [str(d) for d in result.diagnoses]


def autologged(program: Program) -> None:
    """Train under MLflow's autologging."""
    model, X, y, fit = program
    mlflow.set_experiment("autolog")
    mlflow.keras.autolog()
    try:
        with contextlib.redirect_stdout(None):
            model.fit(X, y, verbose=0, **fit)
    finally:
        mlflow.keras.autolog(disable=True)
        while mlflow.active_run() is not None:
            mlflow.end_run()


TOOLS: dict[str, Callable[[Program], None]] = {"bare": bare, "remedy": watched, "autolog": autologged}


def measure(make: Callable[[int], Program], tool: str, epochs: int) -> tuple[float, float]:
    """Return the seconds and the peak resident megabytes of one training."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    program = make(epochs)
    gc.collect()
    with _peak() as peak:
        began = time.perf_counter()
        TOOLS[tool](program)
        seconds = time.perf_counter() - began
    return seconds, peak[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 5.0, 20.0], help="lengths of a bare fit")
    parser.add_argument("--tools", nargs="+", default=["remedy", "autolog"], choices=[t for t in TOOLS if t != "bare"])
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        mlflow.set_tracking_uri(f"sqlite:///{Path(folder) / 'mlflow.db'}")
        os.chdir(folder)
        for make in (mlp, conv1d, conv2d):
            for tool in TOOLS:  # First use of a library costs seconds once; it is not what a fit costs.
                measure(make, tool, 2)
            an_epoch = (measure(make, "bare", 6)[0] - measure(make, "bare", 2)[0]) / 4
            for seconds in args.seconds:
                for tool in args.tools:
                    found.append(_rounds(make, tool, max(2, round(seconds / max(1e-3, an_epoch))), args.rounds))
    watched_fits = [f for f in found if f["tool"] == "remedy"]
    result = {"rounds": args.rounds, "within": all(f["within"] for f in watched_fits), "fits": found}
    if args.json:
        print(json.dumps(result))


def _rounds(make: Callable[[int], Program], tool: str, epochs: int, rounds: int) -> dict[str, Any]:
    """Return what a tool costs, by pairs of a bare fit and one with it."""
    pairs = [[measure(make, name, epochs) for name in ("bare", tool)] for _ in range(rounds)]
    bare = statistics.median(before[0] for before, _ in pairs)
    extra = statistics.median(after[0] - before[0] for before, after in pairs)
    told = {
        "program": make.__name__,
        "tool": tool,
        "bare_seconds": round(bare, 3),
        "extra_seconds": round(extra, 3),
        "ratio": round(statistics.median(after[0] / before[0] for before, after in pairs), 4),
        "memory_ratio": round(statistics.median(after[1] / before[1] for before, after in pairs), 4),
        "within": extra <= max(MOST_SHARE * bare, MOST_SECONDS),
    }
    print("  ".join(f"{k} {v}" for k, v in told.items()), flush=True)
    return told


def _classes(shape: tuple[int, ...], rows: int) -> tuple[Any, Any]:
    """Return four classes: blobs where rows are flat, else waves told apart by their frequency."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, rows)
    noise = rng.standard_normal((rows, *shape)).astype("float32")
    if len(shape) == 1:
        return 0.3 * rng.standard_normal((4, *shape)).astype("float32")[ids] + noise, np.eye(4, dtype="float32")[ids]
    phase = 2 * np.pi * rng.random((rows, 1))
    waves = np.sin(phase + np.arange(shape[0]) * np.array([0.2, 0.5, 1.0, 1.8])[ids][:, None]).astype("float32")
    X = waves.reshape(rows, shape[0], *[1] * (len(shape) - 1)) + 0.3 * noise
    return X.astype("float32"), np.eye(4, dtype="float32")[ids]


def _head() -> Any:
    return layers.Dense(4, activation="softmax")


def _compiled(model: Any) -> Any:
    model.compile(keras.optimizers.Adam(0.001), "categorical_crossentropy", metrics=["accuracy"])
    return model


@contextlib.contextmanager
def _peak() -> Iterator[list[float]]:
    """Sample the resident size until the block ends."""
    largest, done = [0.0], threading.Event()

    def sample() -> None:
        while not done.is_set():
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            largest[0] = max(largest[0], pages * PAGE / 1e6)
            done.wait(0.05)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield largest
    finally:
        done.set()
        thread.join()


if __name__ == "__main__":
    main()
