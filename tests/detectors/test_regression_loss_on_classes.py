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

from ..conftest import blobs


def _found(model, X, y, task="multiclass"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED209"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


@pytest.mark.parametrize("loss", ["mse", "mae", "mean_squared_error", keras.losses.Huber(), keras.losses.LogCosh()])
def test_an_error_of_regression_behind_a_softmax_is_found(loss):
    (found,) = _found(_model(3, "softmax", loss), *blobs(rows=200))
    assert found.severity == "warning"
    assert "3 softmax units" in found.message


def test_a_squared_error_behind_one_sigmoid_is_found_and_absolute_error_is_surer():
    X, y = blobs(rows=200, classes=2)
    (squared,) = _found(_model(1, "sigmoid", "mse"), X, y[:, 1], "binary")
    (absolute,) = _found(_model(1, "sigmoid", "mae"), X, y[:, 1], "binary")
    assert squared.confidence < absolute.confidence


def test_cross_entropies_are_left_alone():
    X, y = blobs(rows=200)
    assert _found(_model(3, "softmax", "categorical_crossentropy"), X, y) == ()
    assert _found(_model(3, "softmax", "sparse_categorical_crossentropy"), X, y.argmax(-1)) == ()


def test_least_squares_between_free_numbers_and_one_hot_classes_is_found():
    (found,) = _found(_model(3, None, "mse"), *blobs(rows=200))
    assert "3 linear units" in found.message


def test_least_squares_of_one_linear_unit_is_left_alone():
    X, y = blobs(rows=200)
    assert _found(_model(1, None, "mse"), X, y[:, :1], "binary") == ()


def test_a_model_that_rebuilds_black_and_white_rows_is_left_alone():
    X = (np.random.default_rng(0).random((200, 6)) > 0.5).astype("float32")
    assert _found(_model(6, "sigmoid", "mse"), X, X, "multilabel") == ()


def test_one_hot_labels_as_wide_as_the_input_are_still_classes():
    X, y = blobs(rows=200, columns=2, classes=2)
    assert _found(_model(2, "softmax", "mse", columns=2), X, y, "binary")
