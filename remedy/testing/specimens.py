"""Small programs for the contracts: the kit's own, and those that remedies bring."""

from __future__ import annotations

import numpy as np

from remedy.data.dataset import Dataset
from remedy.data.model_checks import heads_and_task
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import loaded, snapshot
from remedy.remedies._base import Remedy


def specimen(rows: int = 120, length: int = 160, seed: int = 0) -> tuple[Recipe, Dataset]:
    """Return a small recipe with every common kind of layer, and unbalanced, unscaled rows for it.

    Args:
        rows: Rows in all; a fifth is the validation side.
        length: Samples of the signal of one row.
        seed: Of the rows.
    """
    import keras
    from keras import layers

    rng = np.random.default_rng(seed)
    ids = rng.choice(3, size=rows, p=[0.7, 0.1, 0.2])
    X = (500 + 40 * rng.standard_normal((rows, length, 1)) + 60 * ids[:, None, None]).astype("float32")
    y = np.eye(3, dtype="float32")[ids]
    model = keras.Sequential(
        [
            keras.Input((length, 1)),
            layers.Conv1D(8, 5, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling1D(2),
            layers.Dropout(0.5),
            layers.Conv1D(8, 3, activation="relu"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(8, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    rate = keras.optimizers.schedules.InverseTimeDecay(1e-4, 1, 1e-4)
    model.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])
    recipe = Recipe.from_model(model, {"epochs": 2, "batch_size": 16})
    at = rows * 4 // 5
    return recipe, Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "multiclass")


def given_to(remedy: Remedy) -> tuple[Recipe, Dataset]:
    """Return the specimen that a remedy brings, or the kit's own."""
    brought = remedy.specimen()
    if brought is None:
        return specimen()
    model, X, y, fit = brought
    rows, at = Rows(X, y), len(X) * 4 // 5
    heads, task = heads_and_task(model, rows)
    recipe, start = Recipe.from_model(model, fit), snapshot(model)
    data = Dataset(rows.take(slice(at)), rows.take(slice(at, None)), task, heads=heads)
    kept = {} if start is None else loaded(start, *(recipe.build(data, seed) for seed in (0, 1)))
    return recipe.replace(kept_weights={**recipe.kept_weights, **kept}), data
