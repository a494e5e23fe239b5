"""What a search costs beside training: seconds a trial for asking, telling, diagnosing and logging, and memory.

    python benchmarks/driver.py --trials 300 --json

One real search: remedy's schedule with its Optuna study, detectors and inline engine on a small stuck network, and
every attempt written to an SQLite store of MLflow. Nothing ends it before the trials are over. The driver's
overhead is what is left of the wall time when training is taken off, plus the time that detectors took between
epochs. ``train-longer`` is left out, so that a trial has the eight epochs of the program and no thousands. Memory is
the resident set after every trial; it is compared with that after the first thirty, when
libraries, compiled graphs and pools have been filled.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import mlflow
import numpy as np
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.recipe.recipe import Recipe
from remedy.reporting.search_log import SearchLog
from remedy.reporting.terminal import Terminal
from remedy.search.attempts import Attempt
from remedy.search.budget import Budget
from remedy.search.context import SearchContext
from remedy.search.options import Search
from remedy.search.schedule import Schedule
from remedy.search.stopping import StoppingRule
from remedy.tracking.opening import open_run
from remedy.training import recorder
from remedy.training.engines._base import Engine, Job, Outcome
from remedy.training.engines.inline import InlineEngine
from remedy.training.engines.resumed import RememberedEngine
from remedy.training.runtime import rare_collections

WARM = 30
"""Trials after which memory is looked at for the first time."""


class Endless(StoppingRule):
    """Nothing is good enough."""

    def excellent(self, best: Attempt | None) -> bool:
        """Go on."""
        return False

    def good(self, best: Attempt | None) -> bool:
        """Go on."""
        return False

    def levelled_off(self, best: Attempt | None, attempts: int) -> bool:
        """Go on."""
        return False


class Timed(Engine):
    """Trains, and measures the seconds that it takes and the memory afterwards."""

    def __init__(self, engine: Engine) -> None:
        """Wrap the engine that trains."""
        self._engine, self.seconds = engine, 0.0
        self.memory: list[float] = []

    def train(self, job: Job) -> Outcome:
        """Train."""
        began = time.perf_counter()
        outcome = self._engine.train(job)
        self.seconds += time.perf_counter() - began
        self.memory.append(resident())
        return outcome

    def suggest_rate(self, recipe: Recipe, seed: int) -> float | None:
        """Make a range test, which is training."""
        began = time.perf_counter()
        rate = self._engine.suggest_rate(recipe, seed)
        self.seconds += time.perf_counter() - began
        return rate

    def model(self, key: str) -> Any:
        """Return the model of a job."""
        return self._engine.model(key)

    def forget(self, key: str) -> None:
        """Forget a job."""
        self._engine.forget(key)

    def clock(self) -> float:
        """Return the time."""
        return self._engine.clock()


@dataclass
class Stopwatch:
    """Adds up the seconds that a function takes."""

    function: Any
    seconds: float = 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        began = time.perf_counter()
        try:
            return self.function(*args, **kwargs)
        finally:
            self.seconds += time.perf_counter() - began


def resident() -> float:
    """Return the resident set of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def program() -> tuple[Recipe, Dataset]:
    """Return a small network that is stuck: raw values, unbalanced classes, a rate that is too high."""
    rng = np.random.default_rng(0)
    ids = rng.choice(3, size=500, p=[0.8, 0.15, 0.05])
    X = (500 + 100 * (rng.normal(size=(3, 6))[ids] + rng.normal(size=(500, 6)))).astype("float32")
    y = np.eye(3, dtype="float32")[ids]
    body = [layers.Dense(16, activation="relu"), layers.Dropout(0.3), layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input((6,)), *body])
    model.compile(keras.optimizers.SGD(0.05), "categorical_crossentropy", metrics=["accuracy"])
    recipe = Recipe.from_model(model, {"epochs": 8, "batch_size": 32})
    return recipe, Dataset(Rows(X[:400], y[:400]), Rows(X[400:], y[400:]), "multiclass").for_search(0)


def measure(trials: int) -> dict[str, Any]:
    """Search once and return the figures."""
    keras.utils.set_random_seed(0)
    recipe, data = program()
    scorer = scorer_for(data.task, data.holdout.target)  # type: ignore[union-attr]
    diagnose = Stopwatch(recorder.diagnose)
    recorder.diagnose = diagnose  # type: ignore[assignment]
    timed = Timed(InlineEngine(data, scorer, registry.detectors()))
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        with open_run("driver", None, None) as run:
            log = SearchLog(Terminal(quiet=True), run.child("search", "search"), scorer)
            engine = RememberedEngine(timed, {}, log.training)
            options = Search(trials=trials, timeout=None)
            remedies = [remedy for remedy in registry.remedies() if remedy.name != "train-longer"]
            search = SearchContext(data, recipe, remedies, engine, options, log, Budget(None, engine), Endless())
            found = timed.train(Job(recipe, 0, recipe.epochs, "untouched")).diagnoses
            timed.seconds = diagnose.seconds = 0.0
            began = time.perf_counter()
            with rare_collections():  # As every search does.
                Schedule(search).run(found, None)
            log.close()
            wall = time.perf_counter() - began
    done, memory = len(search.ledger), timed.memory
    training = timed.seconds - diagnose.seconds
    return {
        "trials": done,
        "driver_ms_a_trial": round(1000 * (wall - training) / done, 1),
        "diagnosing_ms_a_trial": round(1000 * diagnose.seconds / done, 1),
        "training_ms_a_trial": round(1000 * training / done, 1),
        "memory_mb": {str(n): round(memory[n - 1]) for n in (1, WARM, *range(100, done + 1, 100)) if n <= len(memory)},
        "memory_growth_after_30": round(statistics.fmean(memory[-5:]) / memory[WARM - 1] - 1, 3)
        if len(memory) > WARM
        else None,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=300)
    parser.add_argument("--json", action="store_true", help="print one JSON object in the last line")
    args = parser.parse_args()
    if args.trials < 1:
        parser.error("--trials must be at least 1")
    found = measure(args.trials)
    print(json.dumps(found) if args.json else "\n".join(f"{k}: {v}" for k, v in found.items()))


if __name__ == "__main__":
    main()
