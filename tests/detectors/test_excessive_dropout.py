import keras
import pytest
from keras import layers

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, stuck_run_of


def _judged(model):
    model.compile("adam", "categorical_crossentropy")
    return diagnose(static_evidence(*stuck_run_of(model, *blobs())), registry.detectors(["ARC303"])).diagnoses


def _net(*rates, late=False):
    model = keras.Sequential([keras.Input((6,))])
    for rate in rates:
        model.add(layers.Dense(64, activation=None if late else "relu"))
        model.add(layers.Dropout(rate))
        model.add(layers.Activation("tanh" if late else "linear"))
    model.add(layers.Dense(3, activation="softmax"))
    return _judged(model)


def test_several_strong_dropouts_are_found_by_what_they_leave_together():
    (found,) = _net(0.6, 0.6, 0.6, 0.6)
    assert "4 dropout layers" in found.message
    assert found.measured["keep"] == pytest.approx(0.4**4)
    assert found.remedies == ("less-dropout",)


def test_a_single_very_strong_dropout_is_found_by_name():
    (found,) = _net(0.8)
    assert "80%" in found.message
    assert "dropout" in found.message


@pytest.mark.parametrize("rates", [(0.5,), (0.25, 0.25, 0.25), (0.25, 0.25, 0.5), (0.5, 0.5), ()])
def test_usual_rates_are_left_alone(rates):
    assert _net(*rates) == ()


def test_dropout_before_its_activation_is_mentioned_but_no_reason_by_itself():
    assert "before the activation" in _net(0.6, 0.6, late=True)[0].message
    assert _net(0.3, late=True) == ()


def test_mild_dropout_beside_many_shortcuts_is_left_alone():
    start = keras.Input((6,))
    x = layers.Dense(16, activation="relu")(start)
    for _ in range(18):
        x = layers.Add()([x, layers.Dropout(0.1)(layers.Dense(16, activation="relu")(x))])
    assert _judged(keras.Model(start, layers.Dense(3, activation="softmax")(x))) == ()
