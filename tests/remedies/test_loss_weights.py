import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.heads import heads_of
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.loss_weights import LossWeights
from remedy.testing import check_rewritten, check_unchanged


def _program(scale=9000.0, listed=False):
    X = np.random.default_rng(0).normal(size=(200, 4)).astype("float32")
    y = {"kind": (X[:, 0] > 0).astype("int64"), "price": scale * X[:, 1]}
    rows = keras.Input((4,))
    hidden = layers.Dense(8, activation="relu")(rows)
    outputs = {
        "kind": layers.Dense(2, activation="softmax", name="kind")(hidden),
        "price": layers.Dense(1, name="price")(hidden),
    }
    model = keras.Model(rows, list(outputs.values()) if listed else outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "price": "mse"}
    model.compile("adam", list(losses.values()) if listed else losses)
    labels = list(y.values()) if listed else y
    data = Dataset(Rows(X, labels), None, "several", heads=heads_of(model, labels))
    return Recipe.from_model(model, {"epochs": 2}), data


def test_each_loss_is_divided_by_what_a_constant_answer_costs():
    recipe, data = _program()
    weights = check_rewritten(LossWeights(), recipe, data).loss_weights
    assert weights["kind"] == pytest.approx(1 / np.log(2), rel=0.02)
    assert weights["price"] * np.var(data.train.y["price"]) == pytest.approx(1, rel=0.01)


def test_outputs_in_a_list_get_weights_in_a_list():
    recipe, data = _program(listed=True)
    changed = LossWeights().apply(recipe, data)
    assert isinstance(changed.loss_weights, list)
    changed.build(data, 0)


def test_losses_of_one_size_and_single_outputs_are_left_alone():
    check_unchanged(LossWeights(), *_program(scale=1.0))
    recipe, data = _program()
    single = Dataset(Rows(data.train.X, data.train.y["kind"]), None, "binary")
    check_unchanged(LossWeights(), recipe, single)
