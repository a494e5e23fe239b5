"""False alarms on ordinary programs: random nets with sensible settings on public and generated data.

    python benchmarks/healthy_zoo.py --programs 80 --json
    python benchmarks/healthy_zoo.py --tutorials --json   # kinds of programs that public tutorials teach

Every program is drawn from a seed: data, layers, optimizer, rate, batch size, epochs. It counts as healthy when its
score on rows it never saw comes four fifths of the way from a constant answer to that of a shallow model. No
such program may be called stuck; what is said of the others is shown, too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

Data = tuple[Any, Any, str]


def data(rng: np.random.Generator) -> tuple[str, Data]:
    """Draw a dataset: its name, and X, y and the task."""
    from sklearn import datasets as sets

    seed = int(rng.integers(1 << 30))
    name = str(rng.choice(["iris", "wine", "cancer", "digits", "pictures", "diabetes", "blobs", "moons", "friedman",
                           "several", "waves", "steps"]))  # fmt: skip
    if name in ("iris", "wine", "cancer", "digits", "pictures"):
        load = {"iris": sets.load_iris, "wine": sets.load_wine, "cancer": sets.load_breast_cancer}
        X, y = load.get(name, sets.load_digits)(return_X_y=True)
        if name == "pictures":
            return name, ((X.reshape(-1, 8, 8, 1) / 16).astype("float32"), y, "classes")
        return name, (_standard(X), y, "classes")
    if name == "diabetes":
        X, y = sets.load_diabetes(return_X_y=True)
        return name, (_standard(X), _standard(y[:, None]), "numbers")
    if name == "friedman":
        X, y = sets.make_friedman1(900, noise=0.5, random_state=seed)
        return name, (_standard(X), _standard(y[:, None]), "numbers")
    if name == "moons":
        X, y = sets.make_moons(900, noise=0.2, random_state=seed)
        return name, (_standard(X), y, "classes")
    if name == "several":
        X, y = sets.make_multilabel_classification(900, 15, n_classes=4, random_state=seed)
        return name, (_standard(X), y.astype("float32"), "labels")
    if name == "blobs":
        kinds = int(rng.integers(2, 7))
        weights = rng.dirichlet(np.full(kinds, 6.0))
        ids = rng.choice(kinds, size=1000, p=weights)
        X = 2.2 * rng.standard_normal((kinds, 10))[ids] + rng.standard_normal((1000, 10))
        return name, (_standard(X), ids, "classes")
    phase, ids = rng.random((800, 1)) * 6.28, rng.integers(0, 3, 800)
    if name == "waves":
        X = np.sin(phase + np.arange(48) * np.array([0.25, 0.6, 1.2])[ids][:, None]) + 0.3 * rng.standard_normal(
            (800, 48)
        )
        return name, (X[..., None].astype("float32"), ids, "classes")
    X = rng.standard_normal((800, 12, 2)).cumsum(axis=1) / 3
    return name, (X.astype("float32"), (X[:, -1, 0] > X[:, 0, 0]).astype("int64"), "classes")


def program(rng: np.random.Generator, X: Any, y: Any, kind: str) -> tuple[Any, Any, dict[str, Any], str]:
    """Draw a net and how it is trained: model, coded target, fit keywords, and a description."""
    import keras
    from keras import layers

    activation = str(rng.choice(["relu", "elu", "tanh", "selu"]))
    norm, dropout = bool(rng.random() < 0.3), float(rng.choice([0.0, 0.0, 0.2, 0.3]))
    model = keras.Sequential([keras.Input(X.shape[1:])])
    if X.ndim == 4:
        for width in (16, 32)[: int(rng.integers(1, 3))]:
            model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
        model.add(layers.Flatten())
    elif X.ndim == 3 and X.shape[1] > 20:
        model.add(layers.Conv1D(16, 5, activation="relu"))
        model.add(layers.MaxPooling1D(2))
        model.add(layers.Conv1D(32, 5, activation="relu"))
        model.add(layers.GlobalAveragePooling1D())
    elif X.ndim == 3:
        model.add(layers.LSTM(int(rng.choice([8, 16, 32]))))
    for _ in range(int(rng.integers(1, 4))):
        model.add(layers.Dense(int(rng.choice([16, 32, 64, 128])), activation=activation))
        if norm:
            model.add(layers.BatchNormalization(momentum=0.9))
        if dropout:
            model.add(layers.Dropout(dropout))
    coded, head, loss = y, None, "mse"
    if kind == "numbers":
        head = layers.Dense(1)
    elif kind == "labels":
        head, loss = layers.Dense(y.shape[1], activation="sigmoid"), "binary_crossentropy"
    elif len(np.unique(y)) == 2 and rng.random() < 0.6:
        head, loss, coded = layers.Dense(1, activation="sigmoid"), "binary_crossentropy", y[:, None].astype("float32")
    else:
        head, loss = layers.Dense(int(y.max()) + 1, activation="softmax"), "sparse_categorical_crossentropy"
        if rng.random() < 0.5:
            loss, coded = "categorical_crossentropy", np.eye(int(y.max()) + 1, dtype="float32")[y]
    model.add(head)
    optimizer = [
        keras.optimizers.Adam(float(10 ** rng.uniform(-3, -2))),
        keras.optimizers.RMSprop(float(10 ** rng.uniform(-3, -2.3))),
        keras.optimizers.SGD(float(rng.choice([0.02, 0.05])), momentum=0.9),
    ][int(rng.choice(3, p=[0.6, 0.2, 0.2]))]
    model.compile(optimizer, loss, metrics=["mae"] if kind == "numbers" else ["accuracy"])
    fit = {"epochs": int(rng.integers(6, 41)), "batch_size": int(rng.choice([8, 16, 32, 64]))}
    if rng.random() < 0.6:
        fit["validation_split"] = 0.2
    text = f"{len(model.layers)} layers {activation}{' norm' if norm else ''}, {type(optimizer).__name__}, {fit}"
    return model, coded, fit, text


def examine(seed: int) -> dict[str, Any]:
    """Train one program under remedy and on its own test rows say whether it is healthy."""
    import keras

    import remedy
    from remedy.data.rows import Rows
    from remedy.data.scores import constant_score, scorer_for
    from remedy.evidence.baseline import shallow_baseline

    rng = np.random.default_rng(seed)
    name, (X, y, kind) = data(rng)
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model, coded, fit, text = program(rng, X, y, kind)
    order = rng.permutation(len(X))
    train, test = order[len(X) // 4 :], order[: len(X) // 4]
    result = remedy.fit(model, X[train], coded[train], search=False, verbose=0, log_data=False, **fit)
    task: Any = {"numbers": "regression", "labels": "multilabel"}.get(kind, "multiclass")
    score = scorer_for(task, coded[test])(coded[test], model.predict(X[test], verbose=0))
    shallow = shallow_baseline(Rows(X[train], coded[train]), task)
    low = constant_score(task, coded[test])
    assert shallow is not None
    way = (score - low) / max(1e-6, shallow.score - low)
    return {
        "seed": seed,
        "data": name,
        "program": text,
        "score": round(score, 3),
        "shallow": round(shallow.score, 3),
        "healthy": way >= 0.8,
        "flagged": result.stuck,
        "names": [f"{d.name}{'!' if d.severity == 'error' else ''}@{d.epoch}" for d in result.diagnoses],
    }


def teach(name: str) -> dict[str, Any]:
    """Train one of the programs that tutorials teach, and say what remedy said."""
    import keras
    from tutorials import TUTORIALS

    import remedy

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    model, X, y, fit = TUTORIALS[name]()
    result = remedy.fit(model, X, y, search=False, verbose=0, log_data=False, **fit)
    found = [f"{d.name}{'!' if d.severity == 'error' else ''}@{d.epoch}" for d in result.diagnoses]
    return {"tutorial": name, "outcome": result.examination.outcome, "names": found, "said": result.conclusion[:120]}


def main() -> None:
    """Draw programs, train them, and count false alarms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=80)
    parser.add_argument("--first", type=int, default=0, help="seed of the first program")
    parser.add_argument("--tutorials", nargs="*", help="train what tutorials teach instead; names, or none for all")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(Path(folder))
        if args.tutorials is not None:
            from tutorials import TUTORIALS

            told = [teach(name) for name in args.tutorials or TUTORIALS]
            outcomes = {o: sum(row["outcome"] == o for row in told) for o in ("healthy", "not judged", "stuck")}
            print(json.dumps({"tutorials": len(told), **outcomes, "rows": told} if args.json else told, indent=None))
            return
        rows = []
        for seed in range(args.first, args.first + args.programs):
            row = examine(seed)
            rows.append(row)
            if row["flagged"] or row["names"]:
                mark = "!!" if row["flagged"] and row["healthy"] else "  "
                print(mark, seed, row["data"], row["score"], row["shallow"], row["names"], row["program"], flush=True)
    healthy = [r for r in rows if r["healthy"]]
    told = {
        "programs": len(rows),
        "healthy": len(healthy),
        "healthy_flagged": sum(r["flagged"] for r in healthy),
        "healthy_warned": sum(bool(r["names"]) for r in healthy),
        "others_flagged": sum(r["flagged"] for r in rows if not r["healthy"]),
    }
    print(json.dumps(told) if args.json else told)


def _standard(values: Any) -> Any:
    array = np.asarray(values, dtype="float64")
    return ((array - array.mean(0)) / np.maximum(array.std(0), 1e-9)).astype("float32")


if __name__ == "__main__":
    main()
