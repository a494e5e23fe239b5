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
    return diagnose(evidence, registry.detectors(["HED202"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def test_sigmoid_units_under_a_categorical_loss_are_found_and_their_sum_is_not_1():
    X, y = blobs(rows=200)
    model = _model(3, "sigmoid", "categorical_crossentropy")
    (found,) = _found(model, X, y)
    assert found.severity == "error"
    assert "3 sigmoid units" in found.message
    model.fit(X, y, epochs=2, verbose=0)
    assert np.abs(model.predict(X, verbose=0).sum(-1) - 1).max() > 0.05


def test_they_are_found_under_the_sparse_loss_and_with_several_labels_a_row_too():
    X, y = blobs(rows=200)
    assert _found(_model(3, "sigmoid", "sparse_categorical_crossentropy"), X, y.argmax(-1))
    several = np.maximum(y, np.roll(y, 1, axis=1) * (X[:, :1] > 0))
    assert _found(_model(3, "sigmoid", "categorical_crossentropy"), X, several, "multilabel")


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("softmax", "categorical_crossentropy"),
        ("sigmoid", "binary_crossentropy"),
        ("sigmoid", keras.losses.CategoricalCrossentropy(from_logits=True)),
        ("sigmoid", "mse"),
    ],
)
def test_other_pairs_of_head_and_loss_are_left_to_others(activation, loss):
    assert _found(_model(3, activation, loss), *blobs(rows=200)) == ()


def test_shares_as_targets_are_left_to_others():
    X, y = blobs(rows=200)
    model = _model(3, "sigmoid", "categorical_crossentropy")
    assert _found(model, X, 0.9 * y + 0.1 / 3, "regression") == ()
