"""Small programs for remedies that have nothing to act on in the test kit's own: model, X, y, options of fit."""

from __future__ import annotations

from typing import Any

import numpy as np

ROWS, CLASSES = 120, 3
Program = tuple[Any, Any, Any, dict[str, Any]]

FIT = {"epochs": 2, "batch_size": 16}


def table(
    units: int = CLASSES,
    activation: str = "softmax",
    loss: str = "categorical_crossentropy",
    hidden: str | None = "relu",
    optimizer: Any = "adam",
) -> Program:
    """Return a dense net over four columns; y is the one-hot class, shape (n, 3).

    Args:
        units, activation, loss: Of its head.
        hidden: Activation of its hidden layer.
        optimizer: As ``compile`` takes it.
    """
    import keras
    from keras import layers

    rng = np.random.default_rng(0)
    ids = rng.integers(0, CLASSES, ROWS)
    X = (rng.standard_normal((ROWS, 4)) + 2 * np.eye(CLASSES, 4)[ids]).astype("float32")
    keras.utils.set_random_seed(0)
    inner, head = layers.Dense(8, activation=hidden), layers.Dense(units, activation=activation)
    model = keras.Sequential([keras.Input((4,)), inner, head])
    model.compile(optimizer, loss)
    return model, X, np.eye(CLASSES, dtype="float32")[ids], FIT


def words(**embedding: Any) -> Program:
    """Return a net over padded ids with an Embedding of these settings; y is the class, shape (n,)."""
    import keras
    from keras import layers

    rng = np.random.default_rng(0)
    X = rng.integers(1, 12, (ROWS, 6))
    X[:, 4:] = 0
    keras.utils.set_random_seed(0)
    inner = layers.Embedding(12, 5, **embedding)
    model = keras.Sequential([keras.Input((6,)), inner, layers.LSTM(4), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, X, (X[:, 0] > 5).astype("int64"), FIT


def photos() -> Program:
    """Return a convolution, a Flatten and a head over 8 x 8 pixels; y is the one-hot class, shape (n, 3)."""
    import keras
    from keras import layers

    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, 8, 8, 1)).astype("float32")
    keras.utils.set_random_seed(0)
    parts = [layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(CLASSES, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *parts])
    model.compile("adam", "categorical_crossentropy")
    return model, X, np.eye(CLASSES, dtype="float32")[np.arange(ROWS) % CLASSES], FIT


def fine_tuned(frozen: tuple[str, ...] = (), head: bool = True) -> Program:
    """Return a small backbone with loaded weights and a fresh head over 8 x 8 pixels; y is the one-hot class.

    Args:
        frozen: Names of layers that are frozen: "conv", "averages", "features".
        head: Whether the head is trained.
    """
    import keras
    from keras import layers

    rng = np.random.default_rng(0)
    ids = rng.integers(0, CLASSES, ROWS)
    X = (rng.standard_normal((ROWS, 8, 8, 1)) + ids[:, None, None, None]).astype("float32")
    keras.utils.set_random_seed(0)
    inner = [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(name="averages"), layers.ReLU()]
    inner += [layers.GlobalAveragePooling2D(), layers.Dense(6, activation="relu", name="features")]
    base = keras.Sequential([keras.Input((8, 8, 1)), *inner], name="backbone")
    base.set_weights([w + rng.normal(1.0, 0.5, w.shape) for w in base.get_weights()])  # Somebody trained it before.
    for name in frozen:
        base.get_layer(name).trainable = False
    model = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Dense(CLASSES, activation="softmax", name="head")])
    model.get_layer("head").trainable = head
    model.compile("adam", "categorical_crossentropy")
    return model, X, np.eye(CLASSES, dtype="float32")[ids], FIT
