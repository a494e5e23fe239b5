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

from ..conftest import blobs, stuck_run_of


def _judged(evidence):
    return diagnose(evidence, registry.detectors(["ARC305"])).diagnoses


def _found(parts, shape=(6,), classes=6):
    model = keras.Sequential([keras.Input(shape), *parts, layers.Dense(classes, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs(columns=int(np.prod(shape)), classes=classes)
    return _judged(static_evidence(*stuck_run_of(model, X.reshape(-1, *shape), y)))


def _other(model, X, y, task, loss):
    model.compile("adam", loss)
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    return _judged(static_evidence(Recipe.from_model(model, {"epochs": 5}), data))


def test_fewer_hidden_units_than_classes_are_found():
    (found,) = _found([layers.Dense(32, activation="relu"), layers.Dense(4, activation="relu", name="waist")])
    assert "'waist'" in found.message
    assert "4 units for 6 outputs" in found.message


def test_as_many_relu_units_as_classes_are_found_with_less_confidence():
    (found,) = _found([layers.Dense(6, activation="relu")])
    assert found.confidence == pytest.approx(0.6)
    assert _found([layers.Dense(6, activation="tanh")]) == ()


@pytest.mark.parametrize("widths", [(64, 32), (16,), (128, 64, 16)])
def test_usual_widths_are_left_alone(widths):
    assert _found([layers.Dense(n, activation="relu") for n in widths]) == ()


def test_more_classes_than_units_of_a_wide_layer_are_left_alone():
    assert _found([layers.Dense(32, activation="relu")], classes=60) == ()


def test_a_waist_between_wide_layers_is_found():
    (found,) = _found([layers.Dense(n, activation="relu") for n in (128, 12, 96)])
    assert "12 units between layers of 128 and 96" in found.message


def test_two_hidden_units_for_exclusive_or_are_found_and_eight_are_not():
    X = np.random.default_rng(0).integers(0, 2, (200, 2)).astype("float32")
    y = (X[:, 0] != X[:, 1]).astype("float32")
    two = keras.Sequential(
        [keras.Input((2,)), layers.Dense(2, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    eight = keras.Sequential(
        [keras.Input((2,)), layers.Dense(8, activation="relu"), layers.Dense(1, activation="sigmoid")]
    )
    assert _other(two, X, y, "binary", "binary_crossentropy")
    assert _other(eight, X, y, "binary", "binary_crossentropy") == ()


def test_a_recurrent_layer_of_one_unit_is_found():
    (found,) = _found([layers.LSTM(1)], (6, 1), classes=3)
    assert "1 unit," in found.message
    assert _found([layers.LSTM(32)], (6, 1), classes=3) == ()


def test_few_filters_with_many_positions_are_left_alone():
    parts = [layers.Conv1D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(32, activation="relu")]
    assert _found(parts, (24, 1)) == ()
    pooled = [layers.Conv1D(4, 3, activation="relu"), layers.GlobalAveragePooling1D()]
    assert _found(pooled, (24, 1))


def test_an_autoencoder_is_left_alone():
    X = blobs()[0]
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(32, activation="relu"), layers.Dense(2), layers.Dense(32, activation="relu")]
    )
    model.add(layers.Dense(6))
    assert _other(model, X, X, "regression", "mse") == ()
