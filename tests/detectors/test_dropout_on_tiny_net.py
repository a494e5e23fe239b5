import keras
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, stuck_run_of


def _found(parts, shape=(6,)):
    model = keras.Sequential([keras.Input(shape), *parts, layers.Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs()
    evidence = static_evidence(*stuck_run_of(model, X.reshape(-1, *shape), y))
    return diagnose(evidence, registry.detectors(["ARC304"])).diagnoses


def test_dropout_behind_a_few_units_is_found_with_what_is_left():
    (found,) = _found(
        [layers.Dense(64, activation="relu"), layers.Dense(8, name="few"), layers.ReLU(), layers.Dropout(0.5)]
    )
    assert "'few'" in found.message
    assert "4.0 are left" in found.message
    assert found.remedies == ("less-dropout",)


def test_dropout_on_the_inputs_of_a_tiny_net_is_found():
    (found,) = _found([layers.Dropout(0.3), layers.Dense(4, activation="relu")])
    assert found.measured["units"] == 4


@pytest.mark.parametrize("units", [32, 128])
def test_dropout_behind_many_units_is_left_alone(units):
    assert _found([layers.Dense(units, activation="relu"), layers.Dropout(0.5)]) == ()


def test_little_dropout_is_left_alone():
    assert _found([layers.Dense(8, activation="relu"), layers.Dropout(0.1)]) == ()


def test_filters_of_a_convolution_are_left_alone():
    parts = [layers.Conv1D(8, 3, activation="relu"), layers.Dropout(0.3), layers.Flatten()]
    assert _found(parts, (6, 1)) == ()


def test_a_small_recurrent_layer_counts():
    assert _found([layers.GRU(8), layers.Dropout(0.5)], (6, 1))
    assert _found([layers.GRU(64), layers.Dropout(0.5)], (6, 1)) == ()


def test_a_linear_model_with_dropout_on_its_inputs_is_left_alone():
    assert _found([layers.Dropout(0.3)]) == ()
