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


def _found(tail, y, task="multiclass", X=None):
    rows = blobs(rows=200)[0] if X is None else X
    model = keras.Sequential([keras.Input(rows.shape[1:]), *tail])
    model.compile("adam", "categorical_crossentropy" if task == "multiclass" else "binary_crossentropy")
    data = Dataset(Rows(rows, y), None, task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED212"])).diagnoses


@pytest.mark.parametrize("between", [[], [layers.Dropout(0.2)]], ids=["directly", "dropout"])
def test_a_relu_before_the_softmax_is_found(between):
    tail = [layers.Dense(3, activation="relu"), *between, layers.Activation("softmax")]
    (found,) = _found(tail, blobs(rows=200)[1])
    assert found.severity == "error"
    assert "a relu before the softmax of its 3 units" in found.message


def test_a_relu_before_the_sigmoid_is_found_and_really_keeps_every_answer_above_a_half():
    X, y = blobs(rows=200, classes=2)
    tail = [layers.Dense(1), layers.ReLU(), layers.Activation("sigmoid")]
    (found,) = _found(tail, y[:, 1], "binary", X)
    assert found.confidence == 1.0
    assert keras.Sequential([keras.Input((6,)), *tail]).predict(X, verbose=0).min() >= 0.5


def test_hidden_relus_and_softmax_layers_without_one_are_left_alone():
    y = blobs(rows=200)[1]
    assert _found([layers.Dense(8, activation="relu"), layers.Dense(3, activation="softmax")], y) == ()
    assert _found([layers.Dense(8), layers.ReLU(), layers.Dense(3), layers.Softmax()], y) == ()
    assert _found([layers.Dense(3, activation="leaky_relu"), layers.Softmax()], y) == ()


def test_relu_maps_that_are_pooled_before_the_softmax_are_left_alone():
    X = np.random.default_rng(0).standard_normal((200, 8, 8, 1)).astype("float32")
    tail = [layers.Conv2D(3, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Softmax()]
    assert _found(tail, blobs(rows=200)[1], X=X) == ()
