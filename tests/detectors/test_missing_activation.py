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


def _found(parts, shape=(6,), classes=3):
    model = keras.Sequential([keras.Input(shape), *parts, layers.Dense(classes, activation="softmax")])
    return _examined(model, blobs(columns=int(np.prod(shape)), classes=classes), shape)


def _examined(model, rows, shape):
    model.compile("adam", "categorical_crossentropy")
    X, y = rows
    evidence = static_evidence(*stuck_run_of(model, X.reshape(-1, *shape), y))
    return diagnose(evidence, registry.detectors(["ARC301"])).diagnoses


def test_a_hidden_layer_without_activation_is_found_by_name():
    (found,) = _found([layers.Dense(32, name="first"), layers.BatchNormalization(), layers.Dropout(0.2)])
    assert "'first'" in found.message
    assert "1 of 2" in found.message
    assert found.confidence == pytest.approx(0.9)


def test_the_same_layers_with_activations_are_left_alone():
    assert _found([layers.Dense(32), layers.BatchNormalization(), layers.ReLU(), layers.Dropout(0.2)]) == ()
    assert _found([layers.Dense(32, activation="tanh"), layers.Dense(16), layers.Activation("selu")]) == ()


def test_a_model_of_one_layer_is_left_alone():
    assert _found([]) == ()


def test_max_pooling_between_linear_convolutions_lowers_the_confidence():
    parts = [layers.Conv1D(8, 3), layers.MaxPooling1D(2), layers.Flatten()]
    (found,) = _found(parts, (24, 1))
    assert found.confidence == pytest.approx(0.6)
    assert "max pooling" in found.message
    assert _found([layers.Conv1D(8, 3, activation="relu"), *parts[1:]], (24, 1)) == ()


def test_recurrent_layers_and_factorisations_are_left_alone():
    assert _found([layers.Dense(8), layers.LSTM(8)], (24, 1)) == ()
    assert _found([layers.Dense(64, activation="relu"), layers.Dense(4), layers.Dense(64, activation="relu")]) == ()


def test_a_dense_layer_directly_behind_an_embedding_is_left_alone():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Embedding(50, 64),
            layers.Dense(8),
            layers.Conv1D(16, 3, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    X = np.random.default_rng(0).integers(0, 50, (400, 6))
    assert _examined(model, (X, blobs()[1]), (6,)) == ()


def test_branches_and_shortcuts_are_left_alone():
    start = keras.Input((6,))
    mean, spread = layers.Dense(8)(start), layers.Dense(8)(start)
    model = keras.Model(start, layers.Dense(3, activation="softmax")(layers.Add()([mean, spread])))
    assert _examined(model, blobs(), (6,)) == ()
    drawn = layers.Lambda(lambda parts: parts[0] + parts[1], output_shape=(8,))([mean, spread])
    model = keras.Model(start, layers.Dense(3, activation="softmax")(drawn))
    assert _examined(model, blobs(), (6,)) == ()


def _regression(model, X, y):
    model.compile("adam", "mse")
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "regression")
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 5}), data)
    return diagnose(evidence, registry.detectors(["ARC301"])).diagnoses


def test_a_linear_regression_head_behind_a_linear_layer_is_found():
    X = blobs()[0]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(64), layers.Dense(1)])
    assert _regression(model, X, X[:, :1])
    model = keras.Sequential([keras.Input((6,)), layers.Dense(64, activation="relu"), layers.Dense(1)])
    assert not _regression(model, X, X[:, :1])


def test_a_linear_autoencoder_is_left_alone():
    X = blobs()[0]
    assert not _regression(keras.Sequential([keras.Input((6,)), layers.Dense(2), layers.Dense(6)]), X, X)
