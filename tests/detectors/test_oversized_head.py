import keras
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, stuck_run_of


def _found(*parts, units, shape=(24, 24, 1)):
    dense = [layers.Dense(units, activation="relu"), layers.Dense(3, activation="softmax")]
    model = keras.Sequential([keras.Input(shape), *parts, *dense])
    model.compile("adam", "categorical_crossentropy")
    X, y = blobs(rows=90, columns=24 * 24)
    evidence = static_evidence(*stuck_run_of(model, X.reshape(-1, *shape), y))
    return [d.message for d in diagnose(evidence, registry.detectors(["ARC310"])).diagnoses]


def _pooled(pool=2, filters=16):
    return layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D(pool)


def test_a_wide_dense_layer_behind_a_flatten_is_found():
    (message,) = _found(*_pooled(), layers.Flatten(), units=32)
    assert "144 positions of 16 maps" in message
    assert "73,728 weights for 72 training rows" in message


@pytest.mark.parametrize(
    ("parts", "units"),
    [
        ((*_pooled(), layers.Flatten()), 1),
        ((*_pooled(pool=(12, 24), filters=8), layers.Flatten()), 32),
        ((*_pooled(), layers.GlobalAveragePooling2D()), 32),
    ],
    ids=["few units", "few positions", "pooled maps"],
)
def test_a_head_with_few_weights_is_left_alone(parts, units):
    assert _found(*parts, units=units) == []


def test_strides_that_thin_one_axis_are_counted_by_themselves():
    (message,) = _found(layers.Conv2D(16, 3, strides=(1, 2), padding="same"), layers.Flatten(), units=32)
    assert "288 positions" in message
