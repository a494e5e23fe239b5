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


def _found(model, X, y, task="regression"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED211"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _rows():
    X = np.random.default_rng(0).standard_normal((300, 6)).astype("float32")
    return X, 20 + 5 * X[:, 0]


@pytest.mark.parametrize("metric", ["accuracy", "acc", "binary_accuracy", keras.metrics.CategoricalAccuracy()])
def test_accuracy_on_prices_is_found(metric):
    (found,) = _found(_model(1, None, "mse", metrics=[metric, "mae"]), *_rows())
    assert found.severity == "warning"
    assert "at least 240 different values" in found.message


def test_errors_in_the_unit_of_the_target_are_left_alone():
    assert _found(_model(1, None, "mse", metrics=["mae", keras.metrics.R2Score()]), *_rows()) == ()
    assert _found(_model(1, None, "mse"), *_rows()) == ()


def test_accuracy_on_classes_is_left_alone():
    X, y = blobs(rows=200)
    assert _found(_model(3, "softmax", "categorical_crossentropy", metrics=["accuracy"]), X, y, "multiclass") == ()


def test_accuracy_on_smoothed_classes_is_left_alone():
    X, y = blobs(rows=200)
    model = _model(3, "softmax", "categorical_crossentropy", metrics=["accuracy"])
    assert _found(model, X, 0.9 * y + 0.1 / 3) == ()


def test_accuracy_is_left_alone_where_a_second_output_has_classes():
    X, price = _rows()
    kind = (X[:, 1] > 0).astype("float32")
    inputs = keras.Input((6,))
    outputs = [layers.Dense(1, name="price")(inputs), layers.Dense(1, activation="sigmoid", name="kind")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("adam", ["mse", "binary_crossentropy"], metrics=[["mae"], ["accuracy"]])
    data = Dataset(Rows(X, [price, kind]), None, "regression")
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    assert evidence.metric_names == ("mae", "accuracy")
    assert diagnose(evidence, registry.detectors(["accuracy-on-regression"])).diagnoses == ()
