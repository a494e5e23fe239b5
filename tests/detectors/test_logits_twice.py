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
    return diagnose(evidence, registry.detectors(["HED204"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def test_a_softmax_before_from_logits_is_found_with_the_bound_on_its_answers():
    (found,) = _found(_model(3, "softmax", keras.losses.CategoricalCrossentropy(from_logits=True)), *blobs(rows=200))
    assert found.severity == "warning"
    assert found.measured["most"] == pytest.approx(np.e / (np.e + 2))
    assert "0.58" in found.message


def test_a_sigmoid_before_from_logits_is_found():
    X, y = blobs(rows=200, classes=2)
    model = _model(1, "sigmoid", keras.losses.BinaryCrossentropy(from_logits=True))
    (found,) = _found(model, X, y[:, 1], "binary")
    assert "0.73" in found.message


def test_raw_scores_with_and_probabilities_without_from_logits_are_left_alone():
    X, y = blobs(rows=200)
    assert _found(_model(3, None, keras.losses.CategoricalCrossentropy(from_logits=True)), X, y) == ()
    assert _found(_model(3, "softmax", "categorical_crossentropy"), X, y) == ()
    assert _found(_model(3, "log_softmax", keras.losses.CategoricalCrossentropy(from_logits=True)), X, y) == ()
