import keras
import numpy as np
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import stuck_run_of


def _found(steps):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, steps, 6)).astype("float32"), np.eye(2, dtype="float32")[rng.integers(0, 2, 120)]
    model = keras.Sequential([keras.Input((steps, 6)), layers.LSTM(8), layers.Dense(2, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    evidence = static_evidence(*stuck_run_of(model, X, y))
    return diagnose(evidence, registry.detectors(["single-step-sequence"])).diagnoses


def test_a_recurrent_net_over_one_step_is_named_before_training():
    (found,) = _found(1)
    assert found.epoch == 0
    assert "sees no past" in found.message


def test_one_over_several_steps_is_left_alone():
    assert _found(12) == ()
