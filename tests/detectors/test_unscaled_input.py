import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.facts import static_evidence

from ..conftest import blobs, dense, patient_of


def _found(model, X, y):
    return [
        d.name for d in diagnose(static_evidence(*patient_of(model, X, y)), registry.detectors(["DAT102"])).diagnoses
    ]


@pytest.mark.parametrize(("scale", "shift"), [(100.0, 0.0), (1.0, 900.0), (1e-4, 0.0)])
def test_values_far_too_large_shifted_or_small_are_found_before_training(scale, shift):
    assert _found(dense(), *blobs(scale=scale, shift=shift)) == ["unscaled-input"]


def test_values_near_zero_are_left_alone():
    assert _found(dense(), *blobs()) == []
    pixels = np.random.default_rng(0).random((200, 6)).astype("float32")
    assert _found(dense(), pixels, blobs(rows=200)[1]) == []


def test_a_model_that_scales_its_input_itself_is_left_alone():
    X, y = blobs(shift=900.0)
    scaling = layers.Normalization()
    scaling.adapt(X)
    model = keras.Sequential([keras.Input((6,)), scaling, layers.Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    assert _found(model, X, y) == []


def test_ids_for_an_embedding_are_left_alone():
    model = keras.Sequential([keras.Input((6,)), layers.Embedding(5000, 4), layers.Flatten(), layers.Dense(3)])
    model.compile("adam", "categorical_crossentropy")
    X = np.random.default_rng(0).integers(0, 5000, (200, 6))
    assert _found(model, X, blobs(rows=200)[1]) == []
