"""Searches that cannot win: how often is a fix claimed, and is what is handed over ever worse than the program was?

    python benchmarks/proof.py --json                  # 300 searches, two processes: over an hour
    python benchmarks/proof.py --searches 30 --json
    python benchmarks/proof.py --out searches.jsonl    # keeps every search: stopped and called again, it goes on

Four kinds have labels that say nothing: arrays, a stream that repeats its rows, overlapping windows of one series, and
groups whose rows look alike. Every confirmed fix on them is a false claim. The fifth kind are healthy programs that a
detector flags by force: there a claim is false where new rows do not show a gain, and the model that is handed over is
compared with the untouched program, trained in full from three seeds.

Of every kind it is also told how many searches put something to a proof that came to its end: without one nothing could
have been claimed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np

KINDS = ("arrays", "repeated stream", "overlapping windows", "groups", "healthy, flagged by force")
NEW_ROWS = 2000


def net(shape: tuple[int, ...], units: int, rng: Any) -> Any:
    """Draw a small classifier with one of the usual faults."""
    import keras
    from keras import layers

    inner: list[Any] = [layers.Flatten()] if len(shape) > 1 else []
    for _ in range(int(rng.integers(1, 3))):
        inner.append(layers.Dense(int(rng.choice([16, 64, 128])), activation="relu"))
    optimizer = [keras.optimizers.SGD(1e-5), keras.optimizers.Adam(1e-6), keras.optimizers.SGD(3.0)][rng.integers(3)]
    model = keras.Sequential([keras.Input(shape), *inner, layers.Dense(units, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def hopeless(kind: str, seed: int) -> tuple[Any, Any, Any, dict[str, Any], tuple[Any, Any]]:
    """Return a program whose labels say nothing: model, X, y, keywords, and new rows with their labels."""
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    classes, n = int(rng.integers(2, 4)), int(rng.choice([150, 300, 600]))
    fit: dict[str, Any] = {"epochs": int(rng.integers(6, 12)), "batch_size": 32}
    if rng.random() < 0.5:
        fit["validation_split"] = 0.2
    if kind == "overlapping windows":
        series = rng.standard_normal(n + NEW_ROWS).cumsum() / 10
        marks = np.repeat(rng.integers(0, classes, (n + NEW_ROWS) // 10 + 1), 10)[: n + NEW_ROWS]
        windows = np.lib.stride_tricks.sliding_window_view(series, 16).astype("float32")
        X, y = windows, marks[15:]
        order = rng.permutation(n - 100) if rng.random() < 0.5 else np.arange(n - 100)
        return net((16,), classes, rng), X[order], y[order], fit, (X[n:], y[n:])
    columns = int(rng.choice([10, 30]))
    X, y = rng.standard_normal((n, columns)).astype("float32"), rng.integers(0, classes, n)
    new = rng.standard_normal((NEW_ROWS, columns)).astype("float32"), rng.integers(0, classes, NEW_ROWS)
    model = net((columns,), classes, rng)
    if kind == "groups":
        group = rng.integers(0, 25, n)
        X = X * 0.3 + rng.standard_normal((25, columns))[group].astype("float32")
        return model, X, rng.integers(0, classes, 25)[group], {**fit, "groups": group}, new
    if kind == "repeated stream":
        times = int(rng.integers(3, 11))
        stream = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(n, seed=seed).repeat(times).batch(32)
        return model, stream, None, {"epochs": min(8, fit["epochs"])}, new
    return model, X, y, fit, new


def healthy(seed: int) -> tuple[Any, Any, Any, dict[str, Any], tuple[Any, Any]]:
    """Return a program that learns."""
    import keras
    from keras import layers

    rng = np.random.default_rng(seed)
    classes, columns = int(rng.integers(2, 5)), int(rng.choice([6, 12]))
    centres = float(rng.uniform(0.5, 1.2)) * rng.standard_normal((classes, columns))
    y = rng.integers(0, classes, 600 + NEW_ROWS)
    X = (centres[y] + rng.standard_normal((len(y), columns))).astype("float32")
    model = keras.Sequential([keras.Input((columns,))])
    for _ in range(int(rng.integers(1, 3))):
        model.add(layers.Dense(int(rng.choice([16, 32])), activation="relu"))
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(keras.optimizers.Adam(float(rng.choice([0.003, 0.01]))), "sparse_categorical_crossentropy")
    fit = {"epochs": int(rng.integers(10, 20)), "batch_size": 32, "validation_split": 0.2}
    return model, X[:600], y[:600], fit, (X[600:], y[600:])


def forced() -> Any:
    """Return a detector that flags everything in its third epoch."""
    from remedy import Detector, Finding

    class Forced(Detector):
        """Flag everything."""

        code, name, severity, symptom = "OPT999", "flagged-by-force", "error", True
        remedies = ("learning-rate", "optimizer", "scale-inputs", "train-longer", "swap-activation", "regularise")

        def detect(self, loss: Any) -> Any:
            """Fire."""
            return Finding(f"After {len(loss)} epochs.") if len(loss) > 2 else None

    return Forced()


def count_proofs() -> list[bool]:
    """Return a list that gets an entry for every proof from now on: whether it was carried to its end."""
    from remedy.search import confirmation
    from remedy.search.budget import FRESH_SEEDS
    from remedy.search.proof import Proof

    ended: list[bool] = []
    prove = confirmation.prove

    def counted(*args: Any, **kwargs: Any) -> Proof:
        proof = prove(*args, **kwargs)
        ended.append(proof.weighed and len(proof.treated) >= FRESH_SEEDS)
        return proof

    confirmation.prove = counted
    return ended


def one(number: int, timeout: float, proofs: list[bool]) -> dict[str, Any]:
    """Run one search and say what came of it."""
    import keras

    import remedy
    from remedy.data.scores import balanced_accuracy

    kind = KINDS[number % len(KINDS)]
    keras.utils.set_random_seed(number)
    by_force = kind == KINDS[-1]
    model, X, y, fit, (new_X, new_y) = healthy(number) if by_force else hopeless(kind, number)
    plain = keras.models.clone_model(model)
    began = time.perf_counter()
    proofs.clear()
    result = remedy.fit(
        model, X, y, verbose=0, experiment="proof", log_data=False,
        detectors=[..., forced()] if by_force else None,
        search=remedy.Search(timeout=timeout, seed=number, workers=1), **fit,
    )  # fmt: skip
    found: dict[str, Any] = {"number": number, "kind": kind, "stuck": result.stuck, "false": False, "worse": 0.0}
    found |= {"seconds": time.perf_counter() - began, "proofs": sum(proofs), "cut": len(proofs) - sum(proofs)}
    fix = result.fix
    if fix is None:
        return found | {"claimed": False}
    score = balanced_accuracy(new_y, fix.model.predict(new_X, verbose=0))
    found |= {"claimed": bool(fix.confirmed), "told": fix.score, "new": score, "baseline": fix.baseline_score}
    found["conclusion"] = result.conclusion[:300]
    if not by_force:
        return found | {"false": bool(fix.confirmed)}
    untouched = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        again = keras.models.clone_model(plain)
        again.compile(type(model.optimizer).from_config(model.optimizer.get_config()), model.loss)
        again.fit(X, y, verbose=0, **fit)
        untouched.append(balanced_accuracy(new_y, again.predict(new_X, verbose=0)))
    usual = statistics.median(untouched)
    return found | {"usual": usual, "worse": max(0.0, usual - score), "false": bool(fix.confirmed and score <= usual)}


def run(numbers: list[int], timeout: float) -> None:
    """Run searches one after the other, a line each."""
    import mlflow

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        proofs = count_proofs()
        for number in numbers:
            print("RESULT " + json.dumps(one(number, timeout, proofs), default=float), flush=True)


CHUNK = 10
"""Searches of a process: compiled networks of hundreds of programs do not fit into one."""


def _chunk(numbers: list[int], timeout: float) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, "--timeout", str(timeout), "--numbers", *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr.strip()[-2000:], file=sys.stderr, flush=True)
    return [json.loads(line[7:]) for line in done.stdout.splitlines() if line.startswith("RESULT ")]


def main() -> None:
    """Share the searches out to processes and sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds of every search")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="keeps every search; with the same file the next call goes on")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--numbers", nargs="*", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.numbers is not None:
        run(args.numbers, args.timeout)
        return
    kept = args.out.read_text().splitlines() if args.out is not None and args.out.exists() else []
    rows = [json.loads(line) for line in kept]
    left = sorted(set(range(args.searches)) - {row["number"] for row in rows})
    chunks = [left[start : start + CHUNK] for start in range(0, len(left), CHUNK)]
    with ThreadPoolExecutor(args.processes) as pool:
        for found in pool.map(lambda numbers: _chunk(numbers, args.timeout), chunks):
            rows += found
            if args.out is not None:
                with args.out.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in found)
    lost = sorted(set(range(args.searches)) - {row["number"] for row in rows})
    told = {}
    for kind in KINDS:
        mine = [row for row in rows if row["kind"] == kind]
        told[kind] = {
            "searches": len(mine),
            "flagged": sum(row["stuck"] for row in mine),
            "with a completed proof": sum(row["proofs"] > 0 for row in mine),
            "completed proofs": sum(row["proofs"] for row in mine),
            "claims": sum(row["claimed"] for row in mine),
            "false claims": sum(row["false"] for row in mine),
            "largest loss": round(max((row["worse"] for row in mine), default=0.0), 3),
        }
    every = len(rows)
    summary = {
        "searches": every,
        "lost": lost,
        "with a completed proof": sum(row["proofs"] > 0 for row in rows),
        "completed proofs": sum(row["proofs"] for row in rows),
        "claims": sum(row["claimed"] for row in rows),
        "false claims": sum(row["false"] for row in rows),
        "handed over worse by more than 0.02": sum(row["worse"] > 0.02 for row in rows),
        "kinds": told,
        "shown": [row for row in rows if row["false"] or row["worse"] > 0.02],
    }
    if args.json:
        print(json.dumps(summary))
        return
    print(f"{every} searches, {summary['false claims']} false claims")
    for kind, numbers in told.items():
        print(f"{kind:<28}" + "  ".join(f"{name} {value}" for name, value in numbers.items()))


if __name__ == "__main__":
    main()
