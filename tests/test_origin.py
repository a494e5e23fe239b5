"""Parts of a script whose name begins like a package's are the user's own."""

import keras
import numpy as np
import pytest

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.own_callbacks import left_out
from remedy.recipe.own_parts import live_loss, own_parts
from remedy.recipe.recipe import Recipe


class Twice(keras.layers.Layer):
    """Doubles what it is given."""

    def call(self, inputs):
        return 2 * inputs


class Told(keras.callbacks.Callback):
    """Does nothing."""


def distance(truth, answer):
    """Return a squared error."""
    return keras.ops.mean((truth - answer) ** 2, axis=-1)


@pytest.fixture(params=["keras_parts", "numpy_layers", "jaxline"])
def module(request, monkeypatch):
    """The name of a script in which all these parts stand."""
    for part in (Twice, Told, distance):
        monkeypatch.setattr(part, "__module__", request.param)
    return request.param


def test_parts_of_a_script_called_like_a_package_are_the_users(module):
    model = keras.Sequential([keras.Input((2,)), Twice(), keras.layers.Dense(1)])
    model.compile(loss=distance)
    assert {"Twice", "distance"} <= set(own_parts(model))
    assert live_loss(model) is distance
    assert left_out([Told(), keras.callbacks.EarlyStopping()]) == ["Told"]


def test_a_layer_of_a_script_called_like_a_package_is_built_anew(module):
    model = keras.Sequential([keras.Input((2,)), Twice(), keras.layers.Dense(1)])
    model.compile(loss=distance)
    X = np.ones((20, 2), "float32")
    recipe = Recipe.from_model(model, {"epochs": 1})
    assert type(recipe.build(Dataset(Rows(X, X[:, :1]), None, "regression"), 0).layers[0]).__name__ == "Twice"
