"""Trials a second: remedy's engine, a plain Optuna loop and KerasTuner on the same trials.

    python benchmarks/throughput.py --json

Every tool trains the same network from the same kind of draw (a learning rate on a log scale) for
the same epochs, and scores the same validation rows after them. The plain loop builds, compiles
and fits a new model a trial; so does KerasTuner's RandomSearch. remedy asks the same kind of
Optuna study, examines every epoch with all its detectors and tells the study. The tools take
turns, round after round, so that a machine that slows down slows all of them.

KerasTuner is compared where it is installed (`pip install keras-tuner tensorboard`). "processes" compares remedy's
engine of two processes with its engine of one, on the ECG net: for trials of one network, compiled already, and for
trials as a search draws them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import optuna
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.prescription import Prescription
from remedy.recipe.recipe import Recipe
from remedy.search.candidates import usable
from remedy.search.study import Study
from remedy.training.engines._base import Engine, Job
from remedy.training.engines.inline import InlineEngine
from remedy.training.engines.process import ProcessEngine
from remedy.training.runtime import rare_collections

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

LOW, HIGH = 1e-4, 1e-1
"""Learning rates that are drawn."""

SEED = 0
"""Of initial weights and shuffling, the same for every trial, as in a search of remedy."""


@dataclass(frozen=True)
class Program:
    """A network and what it is trained on."""

    build: Callable[[float], Any]
    X: Any
    y: Any
    batch_size: int
    epochs: int

    @property
    def rows(self) -> tuple[Any, Any, Any, Any]:
        """Training inputs and labels, then those of the last fifth of the rows."""
        cut = len(self.X) * 4 // 5
        return self.X[:cut], self.y[:cut], self.X[cut:], self.y[cut:]


def mlp() -> Program:
    """Two dense layers on a table of 1,024 rows."""

    def build(rate: float) -> Any:
        hidden = [layers.Dense(64, activation="relu"), layers.Dense(32, activation="relu")]
        return _compiled([keras.Input((20,)), *hidden], rate)

    return Program(build, *_classes((20,), 1280), batch_size=64, epochs=3)


def conv1d() -> Program:
    """Two convolutions on 1,024 signals of 64 steps."""

    def build(rate: float) -> Any:
        body = [
            layers.Conv1D(16, 5, activation="relu"),
            layers.MaxPooling1D(2),
            layers.Conv1D(32, 5, activation="relu"),
            layers.GlobalAveragePooling1D(),
        ]
        return _compiled([keras.Input((64, 1)), *body], rate)

    return Program(build, *_classes((64, 1), 1280), batch_size=64, epochs=3)


def ecg() -> Program:
    """The ECG net of the example at 90 Hz, on 256 windows of 30 seconds."""
    from ecg import build as built

    X, y = _classes((2700, 1), 320)

    def build(rate: float) -> Any:
        model = built(2700, (16, 32))
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    return Program(build, X, y, batch_size=32, epochs=3)


def _classes(shape: tuple[int, ...], rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    y = np.arange(rows) % 3
    means = rng.normal(size=(3, *shape))
    return (means[y] + 2 * rng.normal(size=(rows, *shape))).astype("float32"), y


def _compiled(body: list[Any], rate: float) -> Any:
    model = keras.Sequential([*body, layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def with_remedy(program: Program, trials: int) -> float:
    """Return the seconds that remedy takes for so many trials."""
    X, y, held, labels = program.rows
    began = time.perf_counter()
    fit = {"epochs": program.epochs, "batch_size": program.batch_size}
    recipe = Recipe.from_model(program.build(1e-3), fit)
    data = Dataset(Rows(X, y), Rows(held, labels), "multiclass")
    engine = InlineEngine(data, scorer_for("multiclass", labels), registry.detectors())
    study = _study()
    for number in range(trials):
        trial = study.ask()
        changed = recipe.with_optimizer(learning_rate=trial.suggest_float("rate", LOW, HIGH, log=True))
        job = Job(changed, SEED, program.epochs, f"trial-{number}", stop_when_stuck=False)
        outcome = engine.train(job)
        engine.forget(job.key)
        study.tell(trial, outcome.score)
    return time.perf_counter() - began


def with_optuna(program: Program, trials: int) -> float:
    """Return the seconds of a loop that builds, compiles and fits a new model a trial."""
    X, y, held, labels = program.rows
    began = time.perf_counter()

    def objective(trial: Any) -> float:
        keras.utils.set_random_seed(SEED)
        model = program.build(trial.suggest_float("rate", LOW, HIGH, log=True))
        done = model.fit(
            X,
            y,
            validation_data=(held, labels),
            epochs=program.epochs,
            batch_size=program.batch_size,
            verbose=0,
        )
        return float(done.history["val_accuracy"][-1])

    _study().optimize(objective, n_trials=trials)
    return time.perf_counter() - began


def with_keras_tuner(program: Program, trials: int) -> float:
    """Return the seconds of KerasTuner's random search."""
    import keras_tuner

    X, y, held, labels = program.rows
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        tuner = keras_tuner.RandomSearch(
            lambda hp: program.build(hp.Float("rate", LOW, HIGH, sampling="log")),
            objective="val_accuracy",
            max_trials=trials,
            seed=0,
            directory=folder,
        )
        tuner.search(
            X,
            y,
            validation_data=(held, labels),
            epochs=program.epochs,
            batch_size=program.batch_size,
            verbose=0,
        )
    return time.perf_counter() - began


def processes(program: Program, trials: int, rounds: int, workers: int = 2) -> dict[str, Any]:
    """Compare an engine of several processes with that of one, both ready.

    Returns:
        For trials of one network, compiled already, at other rates; and below "search" for trials as a search draws
        them, remedies that change the network among them, most of which have to be traced.
    """
    X, y, held, labels = program.rows
    recipe = Recipe.from_model(program.build(1e-3), {"epochs": program.epochs, "batch_size": program.batch_size})
    data = Dataset(Rows(X, y), Rows(held, labels), "multiclass")
    given = data, scorer_for("multiclass", labels), registry.detectors()
    engines: dict[str, Engine] = {"inline": InlineEngine(*given), "processes": ProcessEngine(*given, workers)}
    rates = [recipe.with_optimizer(learning_rate=float(rate)) for rate in np.geomspace(LOW, HIGH, trials)]
    taken: dict[str, dict[str, list[float]]] = {
        kind: {name: [] for name in engines} for kind in ("search", "same_graph")
    }
    with rare_collections():  # As every search does, in its own process and in workers.
        for engine in engines.values():
            _seconds(engine, rates[:workers])
        for turn in range(rounds):
            for kind, recipes in {"search": _drawn(recipe, data, trials, turn), "same_graph": rates}.items():
                for name, engine in engines.items():
                    taken[kind][name].append(_seconds(engine, recipes) / trials)
    for engine in engines.values():
        engine.close()
    found = {}
    for kind, seconds in taken.items():
        each = {name: statistics.median(s) for name, s in seconds.items()}
        ratio = round(each["inline"] / each["processes"], 2)
        found[kind] = {"vs_inline": ratio, "seconds_a_trial": {k: round(v, 4) for k, v in each.items()}}
    return {**found["same_graph"], "search": found["search"]}


def _seconds(engine: Engine, recipes: Sequence[Recipe]) -> float:
    """Return what an engine takes for trainings."""
    jobs = [Job(r, SEED, r.epochs, f"trial-{number}", stop_when_stuck=False) for number, r in enumerate(recipes)]
    began = time.perf_counter()
    for job, outcome in engine.run(jobs):
        engine.forget(job.key)
        if outcome.error:
            raise SystemExit(f"A trial failed: {outcome.error}")
    return time.perf_counter() - began


DRAWN = {
    "scale-inputs",
    "batchnorm-momentum",
    "class-weights",
    "less-dropout",
    "learning-rate",
    "add-normalization",
    "initializer",
    "swap-activation",
    "regularise",
    "optimizer",
}
"""Remedies that the trials of "search" are drawn from: what the reported net's diagnoses ask for, and like ones."""


def _drawn(recipe: Recipe, data: Dataset, trials: int, seed: int) -> list[Recipe]:
    """Return recipes as the study of a search draws them before it knows anything."""
    known = registry.remedies()
    wanted = [remedy for remedy in known if remedy.name in DRAWN]
    study, found = Study(recipe, data, wanted, seed, None), dict[str, Recipe]()
    while len(found) < trials:
        _, drawn = study.ask(wanted=wanted)
        drawn = usable(Prescription(), drawn, known, recipe, data)
        changed = drawn.apply(recipe, data, known)
        found.setdefault(changed.digest, changed)
    return list(found.values())


def _study() -> Any:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))


PROGRAMS = {"mlp": mlp, "conv1d": conv1d, "ecg": ecg}


def compare(program: Program, trials: int, rounds: int) -> dict[str, Any]:
    """Let the tools take turns; return their seconds a trial and how many times faster remedy is."""
    tools: dict[str, Callable[[Program, int], float]] = {"remedy": with_remedy, "optuna": with_optuna}
    if importlib.util.find_spec("keras_tuner"):
        tools["keras_tuner"] = with_keras_tuner
    taken: dict[str, list[float]] = {name: [] for name in tools}
    for _ in range(rounds):
        for name, run in tools.items():
            taken[name].append(run(program, trials) / trials)
    each = {name: statistics.median(seconds) for name, seconds in taken.items()}
    found = {f"vs_{name}": round(each[name] / each["remedy"], 2) for name in each if name != "remedy"}
    return {"vs_keras_tuner": None} | found | {"seconds_a_trial": {k: round(v, 4) for k, v in each.items()}}


def main() -> None:
    """Measure every program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=30, help="trials of a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="+", choices=[*PROGRAMS, "processes"], default=[*PROGRAMS, "processes"])
    parser.add_argument("--json", action="store_true", help="print one JSON object in the last line")
    args = parser.parse_args()
    if args.trials < 1 or args.rounds < 1:
        parser.error("--trials and --rounds must be at least 1")
    found: dict[str, Any] = {"parameters": {"trials": args.trials, "rounds": args.rounds, "only": args.only}}
    for name in args.only:
        measure, program = (compare, PROGRAMS[name]) if name in PROGRAMS else (processes, ecg)
        found[name] = measure(program(), args.trials, args.rounds)
        print(f"{name}: {found[name]}", file=sys.stderr)
    print(json.dumps(found) if args.json else "\n".join(f"{k}: {v}" for k, v in found.items()))


if __name__ == "__main__":
    main()
