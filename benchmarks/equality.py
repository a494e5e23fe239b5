"""A watched training is the training: weights, history, calls and random state, remedy.fit against Model.fit.

    python benchmarks/equality.py --json

Every kind of program is trained twice from the same state in processes of their own, once by Keras alone and once by
`remedy.fit(search=False)` (or under `remedy.autolog`). Everything that is compared must be equal to the bit: weights,
optimizer, history, steps, calls into the user's data, the random numbers drawn afterwards, and global settings.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

Program = tuple[Any, Any, Any, dict[str, Any]]
KINDS: dict[str, Callable[[], Program]] = {}
CALLS: list[str] = []


def kind(make: Callable[[], Program]) -> Callable[[], Program]:
    """Register a kind of program under its name."""
    KINDS[make.__name__] = make
    return make


def rows(n: int = 192, columns: int = 6) -> tuple[Any, Any]:
    """Return rows and one of three classes each."""
    import numpy as np

    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    return (rng.standard_normal((n, columns)) + np.eye(3, columns)[y]).astype("float32"), y


def net(*hidden: Any, columns: int = 6, shape: Any = None) -> Any:
    """Return a compiled classifier with dropout."""
    import keras
    from keras import layers

    inner = hidden or (layers.Dense(16, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3))
    model = keras.Sequential([keras.Input(shape or (columns,)), *inner, layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@kind
def arrays() -> Program:
    """Arrays with a validation split."""
    return net(), *rows(), {"epochs": 4, "validation_split": 0.25, "batch_size": 16}


@kind
def callbacks() -> Program:
    """An early stop and a plateau."""
    import keras

    own = [keras.callbacks.EarlyStopping("loss", patience=1, min_delta=1.0), keras.callbacks.ReduceLROnPlateau("loss")]
    return net(), *rows(), {"epochs": 6, "batch_size": 16, "callbacks": own}


@kind
def shuffled_tf_data() -> Program:
    """A stream that is shuffled anew in every epoch."""
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(rows()).shuffle(256, seed=1).batch(16)
    return net(), stream, None, {"epochs": 4}


@kind
def random_map() -> Program:
    """A stream with random augmentation, and one to validate on."""
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(rows())
    noisy = stream.map(lambda x, y: (x + tf.random.normal(tf.shape(x), seed=3), y)).batch(16)
    return net(), noisy, None, {"epochs": 3, "validation_data": stream.shuffle(64, seed=2).batch(32)}


@kind
def repeated_tf_data() -> Program:
    """An endless stream, cut into epochs by steps."""
    import tensorflow as tf

    stream = tf.data.Dataset.from_tensor_slices(rows()).shuffle(256, seed=1).repeat().batch(16)
    return net(), stream, None, {"epochs": 4, "steps_per_epoch": 5}


@kind
def one_shot_generator() -> Program:
    """A generator that can be read once only."""

    def give() -> Any:
        X, y = rows()
        for i in range(0, 36 * 16, 16):
            CALLS.append("batch")
            yield X[i % 192 : i % 192 + 16], y[i % 192 : i % 192 + 16]

    return net(), give(), None, {"epochs": 4, "steps_per_epoch": 9}


@kind
def counting_generator() -> Program:
    """A tf.data stream over a generator that counts its passes and changes with them."""
    import tensorflow as tf

    def give() -> Any:
        CALLS.append("pass")
        X, y = rows()
        for i in range(0, 192, 16):
            yield X[i : i + 16] + len(CALLS), y[i : i + 16]

    spec = (tf.TensorSpec((None, 6), "float32"), tf.TensorSpec((None,), "int64"))
    return net(), tf.data.Dataset.from_generator(give, output_signature=spec), None, {"epochs": 3}


@kind
def random_py_dataset() -> Program:
    """A PyDataset with random numbers of its own, and a count of its calls."""
    import keras
    import numpy as np

    class Noisy(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.rng, self.rows = np.random.default_rng(5), rows()

        def __len__(self) -> int:
            return 12

        def __getitem__(self, i: int) -> Any:
            CALLS.append(f"item {i}")
            X, y = (part[16 * i : 16 * i + 16] for part in self.rows)
            return X + self.rng.standard_normal(X.shape).astype("float32"), y

        def on_epoch_end(self) -> None:
            CALLS.append("epoch end")

    return net(), Noisy(), None, {"epochs": 4}


@kind
def counting_layer() -> Program:
    """A layer that counts its calls in a float."""
    import keras

    class Counter(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any) -> Any:
            self.count.assign_add(1.0)
            return x

    return net(Counter(), keras.layers.Dense(8)), *rows(), {"epochs": 3, "batch_size": 16}


@kind
def recurrent_dropout() -> Program:
    """LSTM and GRU with dropout inside, on steps of no pattern: they are looked at closely."""
    import numpy as np
    from keras import layers

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((160, 5, 2)).astype("float32"), rng.integers(0, 3, 160)
    inner = (
        layers.LSTM(6, dropout=0.2, recurrent_dropout=0.2, return_sequences=True),
        layers.GRU(6, dropout=0.3),
    )
    return net(*inner, shape=(5, 2)), X, y, {"epochs": 6, "batch_size": 16, "validation_split": 0.2}


@kind
def named_inputs_and_weights() -> Program:
    """Several inputs by name, with sample weights."""
    import keras
    import numpy as np
    from keras import layers

    X, y = rows()
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    joined = layers.Concatenate()([a, b])
    model = keras.Model({"a": a, "b": b}, layers.Dense(3, activation="softmax")(layers.Dropout(0.2)(joined)))
    model.compile("adam", "sparse_categorical_crossentropy")
    weights = np.random.default_rng(1).random(192)
    return model, {"a": X[:, :3], "b": X[:, 3:]}, y, {"epochs": 3, "sample_weight": weights, "batch_size": 16}


@kind
def own_fit() -> Program:
    """A class that overrides fit: it scales its rows and trains in two phases."""
    import keras

    class Phased(keras.Sequential):
        def fit(self, x: Any = None, y: Any = None, halves: int = 2, **kwargs: Any) -> Any:
            CALLS.append(f"fit in {halves}")
            for _ in range(halves):
                found = super().fit(x / 2, y, **kwargs)
            return found

    X, y = rows()
    model = Phased(net().layers)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model, X, y, {"epochs": 2, "batch_size": 16, "halves": 3}


@kind
def named_tuple_targets() -> Program:
    """Two outputs with targets in a named tuple."""
    import collections

    import keras
    from keras import layers

    X, y = rows()
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu")(inputs)
    heads = [layers.Dense(3, activation="softmax", name="a")(hidden), layers.Dense(1, name="b")(hidden)]
    model = keras.Model(inputs, heads)
    model.compile("adam", ["sparse_categorical_crossentropy", "mse"])
    both = collections.namedtuple("both", "a b")
    return model, X, both(y, X[:, :1]), {"epochs": 2, "batch_size": 16}


@kind
def text() -> Program:
    """Sentences through TextVectorization."""
    import keras
    import numpy as np
    from keras import layers

    words = np.random.default_rng(0).choice(["good", "bad", "so", "very"], (160, 6))
    X, y = np.array([" ".join(row) for row in words], dtype=object), np.arange(160) % 3
    lookup = layers.TextVectorization(output_sequence_length=6)
    lookup.adapt(list(X))
    import tensorflow as tf

    inner = (lookup, layers.Embedding(10, 4), layers.GlobalAveragePooling1D())
    model = keras.Sequential([keras.Input((1,), dtype="string"), *inner, layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, tf.data.Dataset.from_tensor_slices((list(X), y)).batch(16), None, {"epochs": 2}


UNDER_AUTOLOG = ("arrays", "own_fit", "named_tuple_targets", "shuffled_tf_data")
NEEDS_AUTOLOG = ("own_fit",)


def settings() -> dict[str, Any]:
    """Return global settings of the libraries that are used."""
    import logging
    import warnings as python_warnings

    import optuna
    import sqlalchemy  # noqa: F401

    names = ("optuna", "alembic", "sqlalchemy", "sqlalchemy.engine", "mlflow", "plotly")
    kept = ("MLFLOW", "OPTUNA", "TF_", "KERAS", "CUDA", "OMP")
    return {
        "optuna": optuna.logging.get_verbosity(),
        "levels": {name: logging.getLogger(name).level for name in names},
        "handlers": {name: len(logging.getLogger(name).handlers) for name in names},
        "filters": [str(f[:3]) for f in python_warnings.filters],
        "variables": {k: v for k, v in os.environ.items() if k.startswith(kept)},
    }


def train(name: str, how: str) -> dict[str, str]:
    """Train a kind of program and return digests of everything that is compared."""
    import random

    import keras
    import numpy as np

    keras.utils.set_random_seed(7)
    model, X, y, fit = KINDS[name]()
    import mlflow
    import plotly  # noqa: F401

    mlflow.set_tracking_uri(f"sqlite:///{tempfile.mkdtemp()}/mlflow.db")
    mlflow.set_experiment("warm up")  # What MLflow changes by itself when it is first used is not ours.
    import remedy

    before = settings()
    CALLS.clear()
    steps: list[int] = []
    fit = dict(fit)
    own = [
        *fit.pop("callbacks", []),
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda i, logs: steps.append(i)),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "plain":
            history = model.fit(X, y, verbose=0, callbacks=own, **fit)
        elif how == "autolog":
            remedy.autolog(experiment="equality", search=False)
            history = model.fit(X, y, verbose=0, callbacks=own, **fit)
            remedy.autolog(disable=True)
        else:
            history = remedy.fit(model, X, y, verbose=0, callbacks=own, search=False, **fit).history
    found: dict[str, Any] = {
        "weights": [np.asarray(v) for v in (*model.trainable_variables, *model.non_trainable_variables)],
        "optimizer": [np.asarray(v) for v in model.optimizer.variables],
        "history": sorted((k, v) for k, v in history.history.items() if k != "learning_rate"),
        "steps": steps,
        "calls": list(CALLS),
        "random": (random.random(), np.random.random(), np.asarray(keras.random.normal((3,))).tolist()),
    }
    if how != "plain":
        after = settings()
        found["settings"] = {k: (before[k], after[k]) for k in before if before[k] != after[k]}
    return {key: _digest(value) for key, value in found.items()} | {"told": json.dumps(found.get("settings", {}))[:400]}


def _digest(value: Any) -> str:
    state = hashlib.blake2b(digest_size=8)
    for part in value if isinstance(value, list) else [value]:
        state.update(part.tobytes() if hasattr(part, "tobytes") else repr(part).encode())
    return state.hexdigest()


@functools.cache
def trained(name: str, how: str) -> dict[str, str]:
    """Return what a training in a process of its own left; ``failed``, with its last words, where it broke."""
    command = [sys.executable, __file__, "--one", name, how]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if lines:
        return json.loads(lines[-1][7:])
    return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else str(done.returncode)}


def compare(name: str, how: str) -> list[str]:
    """Return what differs between a training by Keras alone and a watched one, each in a process of its own."""
    plain, watched = trained(name, "plain"), trained(name, how)
    failed = [
        f"{side} failed: {told['failed']}" for side, told in (("plain", plain), (how, watched)) if "failed" in told
    ]
    if failed:
        return failed
    differs = [key for key in plain if key != "told" and plain[key] != watched[key]]
    if watched.get("settings") != _digest({}):
        differs.append(f"settings: {watched['told']}")
    return differs


def main() -> None:
    """Compare all kinds, or run one side of one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print("RESULT " + json.dumps(train(*args.one)))
        return
    found = {}
    for name in args.kinds:
        for how in [h for h in ("fit", "autolog") if h == "fit" or name in UNDER_AUTOLOG]:
            if how == "fit" and name in NEEDS_AUTOLOG:
                continue
            found[f"{name}, {how}"] = compare(name, how)
            if not args.json:
                print(
                    f"{name:<28}{how:<10}{'equal' if not found[f'{name}, {how}'] else found[f'{name}, {how}']}",
                    flush=True,
                )
    if args.json:
        equal = sum(not differs for differs in found.values())
        print(json.dumps({"comparisons": len(found), "equal": equal, "differs": {k: v for k, v in found.items() if v}}))
    sys.exit(any(found.values()))


if __name__ == "__main__":
    main()
