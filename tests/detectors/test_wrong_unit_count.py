import keras
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
    return diagnose(evidence, registry.detectors(["HED207"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def test_three_classes_in_one_sigmoid_unit_are_found():
    X, y = blobs(rows=200)
    (found,) = _found(_model(1, "sigmoid", "binary_crossentropy"), X, y.argmax(-1))
    assert found.severity == "error"
    assert "1 unit under binary_crossentropy" in found.message
    assert "3 different labels, 0 to 2" in found.message


@pytest.mark.parametrize(("units", "classes"), [(1, 2), (3, 5), (9, 10)])
def test_fewer_softmax_units_than_labels_are_found(units, classes):
    X, y = blobs(rows=300, classes=classes)
    (found,) = _found(_model(units, "softmax", "sparse_categorical_crossentropy"), X, y.argmax(-1))
    assert found.measured["missing"] == classes - units


@pytest.mark.parametrize("units", [3, 10, 1000])
def test_enough_or_too_many_units_are_left_alone(units):
    X, y = blobs(rows=200)
    assert _found(_model(units, "softmax", "sparse_categorical_crossentropy"), X, y.argmax(-1)) == ()


def test_labels_that_count_from_1_are_left_to_the_encoding():
    X, y = blobs(rows=200)
    assert _found(_model(3, "softmax", "sparse_categorical_crossentropy"), X, y.argmax(-1) + 1) == ()


def test_a_label_that_the_loss_is_told_to_ignore_is_no_class():
    X, y = blobs(rows=200)
    labels = y.argmax(-1)
    labels[::9] = 255
    model = _model(3, "softmax", keras.losses.SparseCategoricalCrossentropy(ignore_class=255))
    assert _found(model, X, labels) == ()
    assert _found(_model(3, "softmax", "sparse_categorical_crossentropy"), X, labels)


def test_two_classes_and_probabilities_in_one_unit_are_left_alone():
    X, y = blobs(rows=200, classes=2)
    assert _found(_model(1, "sigmoid", "binary_crossentropy"), X, y[:, 1], "binary") == ()
    assert _found(_model(1, "sigmoid", "binary_crossentropy"), X, 0.1 + 0.8 * y[:, 1], "regression") == ()
