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


def _found(model, X, y, task="binary"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED201"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _labels():
    X, y = blobs(rows=200, classes=2)
    return X, y[:, 1]


def test_one_softmax_unit_is_found_and_really_answers_1_to_every_row():
    X, y = _labels()
    model = _model(1, "softmax", "binary_crossentropy")
    (found,) = _found(model, X, y)
    assert found.severity == "error"
    assert found.confidence == 1.0
    assert "softmax over 1 unit" in found.message
    model.fit(X, y, epochs=2, verbose=0)
    assert model.predict(X, verbose=0) == pytest.approx(1.0, abs=1e-6)


def test_one_sigmoid_unit_and_two_softmax_units_are_left_alone():
    X, y = _labels()
    assert _found(_model(1, "sigmoid", "binary_crossentropy"), X, y) == ()
    assert _found(_model(2, "softmax", "sparse_categorical_crossentropy"), X, y) == ()


@pytest.mark.parametrize("tail", ["flatten", "axis"])
def test_a_softmax_over_places_with_one_score_for_each_place_is_left_alone(tail):
    places = keras.Input((9, 4))
    scores = layers.Dense(1)(places)
    if tail == "flatten":
        answer, y = layers.Softmax()(layers.Flatten()(scores)), np.eye(9)[np.arange(200) % 9]
    else:
        answer, y = layers.Softmax(axis=1)(scores), np.eye(9)[np.arange(200) % 9][..., None]
    model = keras.Model(places, answer)
    model.compile("adam", "categorical_crossentropy")
    X = np.random.default_rng(0).standard_normal((200, 9, 4)).astype("float32")
    assert _found(model, X, y.astype("float32"), "multiclass") == ()


def test_one_of_two_outputs_is_found_by_its_name():
    X, y = _labels()
    inputs = keras.Input((6,))
    outputs = [layers.Dense(1, activation=a, name=n)(inputs) for n, a in (("good", "sigmoid"), ("bad", "softmax"))]
    model = keras.Model(inputs, outputs)
    model.compile("adam", ["binary_crossentropy", "binary_crossentropy"])
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], [y[:at], y[:at]]), Rows(X[at:], [y[at:], y[at:]]), "binary")
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    (found,) = diagnose(evidence, registry.detectors(["one-unit-softmax"])).diagnoses
    assert "'bad'" in found.message
