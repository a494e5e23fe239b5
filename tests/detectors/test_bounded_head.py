import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe


def _found(model, X, y, task="regression"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED206"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _rows(scale=1.0, shift=0.0, width=None):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6)).astype("float32")
    y = scale * (X[:, 0] + 0.1 * rng.standard_normal(300)) + shift
    return X, (y if width is None else np.stack([y] * width, axis=1)).astype("float32")


@pytest.mark.parametrize("activation", ["sigmoid", "hard_sigmoid", "tanh", "relu", "softplus"])
def test_standardised_targets_are_out_of_reach_of_bounded_and_one_sided_heads(activation):
    (found,) = _found(_model(1, activation, "mse"), *_rows())
    assert found.severity == "error"
    assert f"ends in {activation}" in found.message
    assert found.measured["minimum"] < -2


def test_large_targets_are_out_of_reach_of_a_sigmoid_but_not_of_a_relu():
    X, y = _rows(scale=30.0, shift=200.0)
    (found,) = _found(_model(1, "sigmoid", "mae"), X, y)
    assert "gives values from 0 to 1" in found.message
    assert _found(_model(1, "relu", "mae"), X, y) == ()


def test_a_linear_head_and_scaled_targets_are_left_alone():
    X, y = _rows()
    assert _found(_model(1, None, "mse"), X, y) == ()
    scaled = (y - y.min()) / (y.max() - y.min())
    assert _found(_model(1, "sigmoid", "mse"), X, scaled) == ()
    assert _found(_model(1, "tanh", "mse"), X, 2 * scaled - 1) == ()


def test_a_few_values_outside_are_left_alone():
    X, y = _rows(scale=1.0, shift=2.5)
    assert 0 < (y < 0).mean() < 0.02
    assert _found(_model(1, "relu", "mse"), X, y) == ()
    scaled = np.clip(0.2 * (y - 2.5) + 0.4, 0, 1)
    scaled[7] = 4.0
    assert _found(_model(1, "sigmoid", "mse"), X, scaled) == ()


def test_a_head_that_is_scaled_behind_its_activation_is_left_alone():
    X, y = _rows(scale=30.0, shift=200.0)
    inputs = keras.Input((6,))
    model = keras.Model(inputs, layers.Rescaling(400.0)(layers.Dense(1, activation="sigmoid")(inputs)))
    model.compile("adam", "mse")
    assert _found(model, X, y) == ()


def test_a_softmax_is_found_where_the_target_rows_do_not_sum_to_1():
    rng = np.random.default_rng(0)
    X, y = _rows()[0], rng.random((300, 4)).astype("float32")
    (found,) = _found(_model(4, "softmax", "mse"), X, y)
    assert "not to 1" in found.message
    assert _found(_model(4, "softmax", "mse"), X, y / y.sum(-1, keepdims=True)) == ()


def test_a_loss_of_direction_alone_is_left_alone():
    X, y = _rows(width=3)
    assert _found(_model(3, "tanh", keras.losses.CosineSimilarity()), X, y) == ()
