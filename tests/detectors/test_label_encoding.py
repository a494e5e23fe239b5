import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.label_encoding import LabelEncoding
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import OutputFacts
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs

SPARSE = "sparse_categorical_crossentropy"


def _found(y, loss, units=3, activation="softmax", task="multiclass"):
    X = blobs(rows=len(y))[0]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu")])
    model.add(layers.Dense(units, activation=activation))
    model.compile("adam", loss)
    at = len(y) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 5}), data)
    return [d.message for d in diagnose(evidence, registry.detectors(["DAT105"])).diagnoses]


def _ids(classes=3):
    return np.random.default_rng(0).integers(0, classes, 200)


def test_class_numbers_from_0_fit_a_sparse_loss():
    assert _found(_ids(), SPARSE) == []
    assert _found(_ids()[:, None].astype("float32"), SPARSE) == []
    assert _found(_ids(), keras.losses.SparseCategoricalCrossentropy(from_logits=True), 10, None) == []


@pytest.mark.parametrize(
    ("shift", "scale", "says"),
    [(1, 1.0, "count from 1"), (0, 0.5, "in fractions"), (-1, 1.0, "no unit below 0"), (0, 10.0, "number 2")],
)
def test_labels_that_name_no_unit_of_a_sparse_head_are_found(shift, scale, says):
    (message,) = _found((_ids() + shift) * scale, SPARSE)
    assert says in message


def test_a_single_unit_under_a_sparse_loss_is_found():
    (message,) = _found(_ids(2), SPARSE, 1, "sigmoid", "binary")
    assert "the only unit is number 0" in message


def test_one_hot_rows_under_a_sparse_loss_are_found_and_fit_the_categorical_one():
    y = np.eye(3, dtype="float32")[_ids()]
    (message,) = _found(y, SPARSE)
    assert "one-hot with 3 values" in message
    assert _found(y, "categorical_crossentropy") == []


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_class_numbers_under_a_categorical_loss_are_found(shape):
    (message,) = _found(_ids().reshape(shape), "categorical_crossentropy")
    assert "wants one-hot rows of 3 values" in message


def test_two_labels_that_are_no_probabilities_are_found_under_a_binary_loss():
    y = _ids(2)
    logits = keras.losses.BinaryCrossentropy(from_logits=True)
    for labels in (2 * y - 1, y + 1, 255 * y):
        assert len(_found(labels, "binary_crossentropy", 1, "sigmoid", "binary")) == 1
        assert len(_found(labels, logits, 1, None, "binary")) == 1
        assert _found(labels, "hinge", 1, "tanh", "binary") == []
    assert _found(y, "binary_crossentropy", 1, "sigmoid", "binary") == []


def test_soft_labels_and_more_than_two_classes_under_a_binary_loss_are_left_alone():
    soft = np.random.default_rng(0).random((200, 1)).astype("float32")
    assert _found(soft, "binary_crossentropy", 1, "sigmoid", "regression") == []
    assert _found(_ids(), "binary_crossentropy", 1, "sigmoid") == []


def test_a_label_for_every_step_of_a_sequence_is_left_alone():
    steps = np.random.default_rng(0).integers(0, 4, (200, 12))
    model = keras.Sequential([keras.Input((12, 2)), layers.LSTM(4, return_sequences=True)])
    model.add(layers.Dense(4, activation="softmax"))
    model.compile("adam", SPARSE)
    X = np.zeros((200, 12, 2), "float32")
    data = Dataset(Rows(X, steps), None, "multiclass")
    evidence = static_evidence(Recipe.from_model(model, {}), data)
    assert evidence.outputs[0].shape == (12,)
    assert diagnose(evidence, registry.detectors(["DAT105"])).passed == ("label-encoding",)


def test_one_label_that_the_loss_may_ignore_is_left_alone():
    masks = OutputFacts(units=21, loss=SPARSE, shape=(64, 64), maximum=255, distinct=22)
    gaps = OutputFacts(units=3, loss=SPARSE, shape=(12,), minimum=-1, maximum=2, distinct=4)
    assert LabelEncoding().detect([masks, gaps]) is None


def test_an_output_of_unknown_size_or_with_a_loss_of_the_users_own_is_left_alone():
    wrong = OutputFacts(units=None, loss=SPARSE, minimum=-5)
    own = OutputFacts(units=3, loss="masked_sparse_categorical_crossentropy", minimum=-5)
    assert LabelEncoding().detect([wrong, own, OutputFacts(units=3)]) is None
    assert LabelEncoding().detect([]) is None
