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


def _found(model, X, y, task="multilabel"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED205"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _tags(rows=200, columns=6):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, columns)).astype("float32")
    return X, (X[:, :4] > 0.3).astype("float32")


@pytest.mark.parametrize("loss", ["binary_crossentropy", "categorical_crossentropy"])
def test_a_softmax_over_tags_is_found_with_the_largest_number_of_tags_in_a_row(loss):
    X, y = _tags()
    (found,) = _found(_model(4, "softmax", loss), X, y)
    assert found.severity == "error"
    assert found.measured["most_labels"] == y[:160].sum(-1).max()
    assert "softmax over 4 units" in found.message


def test_a_sigmoid_for_every_tag_is_left_alone():
    assert _found(_model(4, "sigmoid", "binary_crossentropy"), *_tags()) == ()


def test_rows_with_at_most_one_tag_are_left_alone():
    X, _ = _tags()
    y = np.eye(4, dtype="float32")[X[:, :4].argmax(-1)]
    assert _found(_model(4, "softmax", "categorical_crossentropy"), X, y) == ()
    y[::3] = 0
    assert _found(_model(4, "softmax", "categorical_crossentropy"), X, y) == ()


def test_label_sequences_under_the_sparse_loss_are_no_tags():
    model = keras.Sequential([keras.Input((2, 3)), layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    X = np.random.default_rng(0).standard_normal((200, 2, 3)).astype("float32")
    assert _found(model, X, (X[..., 0] > 0).astype("int32")) == ()


def test_a_model_that_rebuilds_its_own_rows_is_left_alone():
    _, y = _tags()
    assert _found(_model(4, "softmax", "categorical_crossentropy", columns=4), y, y) == ()
