"""Configurations spelled as Python calls."""

import keras
import numpy as np
import pytest

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.prescription import Prescription, patch
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import compile_line


def _line(optimizer):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return compile_line(Recipe.from_model(model, {"epochs": 1}))


@pytest.mark.parametrize("rate", [0.001, 3e-3, 1e-7, 0.1, 1.0])
def test_a_rate_that_keras_keeps_in_single_precision_is_spelled_as_its_author_did(rate):
    assert f"learning_rate={rate!r})" in _line(keras.optimizers.Adam(rate))


def test_the_numbers_of_a_schedule_and_of_a_search_keep_all_their_digits():
    assert "initial_learning_rate=0.0123456789012345" in _line(
        keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.0123456789012345, 10, 0.9))
    )
    assert "global_clipnorm=1e+300" in _line(keras.optimizers.SGD(0.1, global_clipnorm=1e300))


def test_functions_of_keras_are_spelled_by_name_and_metrics_as_metrics():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
    shown = keras.metrics.MeanAbsoluteError(name="mae")
    model.compile("adam", keras.losses.categorical_crossentropy, metrics=[shown])
    line = compile_line(Recipe.from_model(model, {"epochs": 1}))
    assert "loss='categorical_crossentropy'" in line
    assert "keras.metrics.MeanAbsoluteError(name='mae')" in line
    space = {"keras": keras, "model": model}
    exec(line, space)
    assert model.metrics


def test_a_patch_that_clones_a_model_keeps_what_frozen_and_adapted_layers_know():
    X = np.random.default_rng(0).normal(5.0, 3.0, (60, 4)).astype("float32")
    norm = keras.layers.Normalization()
    norm.adapt(X)
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation="relu")])
    base.trainable = False
    model = keras.Sequential([keras.Input((4,)), norm, base, keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    recipe, data = Recipe.from_model(model, {"epochs": 1}), Dataset(Rows(X, np.arange(60) % 2), None, "binary")
    known = [remedy for remedy in registry.remedies() if remedy.name == "regularise"]
    text = patch(Prescription((("regularise", {"strength": 0.001}),)), recipe, data, known)
    space = {"keras": keras, "np": np, "model": model, "X_train": X, "y_train": data.train.y, "fit": {}}
    exec(text, space)
    assert space["model"] is not model
    for name in (norm.name, base.name):
        before, after = (np.asarray(m.get_layer(name)(X)) for m in (model, space["model"]))
        assert np.allclose(before, after, atol=1e-5)
    assert abs(np.asarray(space["model"].get_layer(norm.name)(X)).mean()) < 0.1


def test_weights_are_put_back_beside_lines_that_walk_through_nested_layers():
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dropout(0.7)], name="base")
    base.trainable = False
    model = keras.Sequential([keras.Input((4,)), base, keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    X, known = np.ones((20, 4), "float32"), registry.remedies(["less-dropout", "regularise"])
    recipe, data = Recipe.from_model(model, {"epochs": 1}), Dataset(Rows(X, np.arange(20) % 2), None, "binary")
    both = Prescription((("less-dropout", {"rate": 0.1}), ("regularise", {"strength": 0.001})))
    space = {"keras": keras, "np": np, "model": model, "X_train": X, "y_train": data.train.y, "fit": {}}
    exec(patch(both, recipe, data, known), space)
    made = space["model"].get_layer("base")
    assert made.layers[-1].rate == 0.1
    assert np.array_equal(made.get_weights()[0], base.get_weights()[0])
