import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _diagnoses(model, X, y):
    return diagnose(static_evidence(*stuck_run_of(model, X, y)), registry.detectors(["DAT102"])).diagnoses


def _found(model, X, y):
    return [d.name for d in _diagnoses(model, X, y)]


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


def test_one_column_that_drowns_the_others_is_found_and_counted():
    X, y = blobs(columns=40)
    X[:, 3] *= 20.0
    assert _found(dense(columns=40), X, y) == []
    X[:, :3] *= 0.01
    X[:, 4:] *= 0.01
    (found,) = _diagnoses(dense(columns=40), X, y)
    assert "One of the 40 columns" in found.message
    assert found.measured["largest_std"] > 100 * found.measured["median_std"]


def test_values_that_hardly_differ_around_a_mean_far_from_0_are_found():
    X, y = blobs(scale=0.001, shift=1.0)
    assert _found(dense(), X, y) == ["unscaled-input"]
    assert _found(dense(), np.ones_like(X), y) == []


def test_one_hot_columns_sparse_counts_and_standardised_values_with_heavy_tails_are_left_alone():
    rng = np.random.default_rng(0)
    y = blobs(rows=400)[1]
    one_hot = np.eye(300, dtype="float32")[rng.integers(0, 300, 400)]
    assert _found(dense(columns=300), one_hot, y) == []
    sparse = np.where(rng.random((400, 2000)) < 2e-4, 1.0, 0.0).astype("float32")
    assert _found(dense(columns=2000), sparse, y) == []
    tails = rng.standard_normal((400, 6)).astype("float32")
    tails[0, 0] = 299.0
    assert _found(dense(), tails, y) == []
    switch = np.ones((400, 6), dtype="float32")
    switch[7, 2] = 0.0
    assert _found(dense(), switch, y) == []
