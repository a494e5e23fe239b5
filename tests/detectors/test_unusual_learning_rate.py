import keras
import pytest

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of

schedules = keras.optimizers.schedules
EPOCHS, STEPS = 100, 100 * 10


def _found(optimizer):
    evidence = static_evidence(*stuck_run_of(dense(optimizer=optimizer), *blobs(), epochs=EPOCHS))
    assert evidence.planned_rates is not None
    return diagnose(evidence, registry.detectors(["OPT414"])).diagnoses


@pytest.mark.parametrize(
    ("optimizer", "way"),
    [
        (keras.optimizers.Adam(0.1), "too high"),
        (keras.optimizers.RMSprop(1e-6), "too low"),
        (keras.optimizers.SGD(2.0), "too high"),
        (keras.optimizers.SGD(1e-5), "too low"),
        (keras.optimizers.Adagrad(), "too low"),
        (keras.optimizers.Adam(schedules.CosineDecay(0.5, STEPS)), "too high"),
    ],
)
def test_rates_far_from_the_usual_are_found_with_their_way(optimizer, way):
    (found,) = _found(optimizer)
    assert way in found.message
    assert type(optimizer).__name__ in found.message
    assert found.remedies[0] == "learning-rate"


def test_the_default_of_adadelta_is_found_and_explained():
    (found,) = _found(keras.optimizers.Adadelta())
    assert "Keras' default" in found.message
    assert _found(keras.optimizers.Adadelta(1.0)) == ()


@pytest.mark.parametrize(
    "optimizer",
    [
        keras.optimizers.Adam(),
        keras.optimizers.Adam(3e-5),
        keras.optimizers.SGD(),
        keras.optimizers.SGD(0.1, momentum=0.9),
        keras.optimizers.Ftrl(1e-6),
        keras.optimizers.Adam(-0.1),
    ],
)
def test_usual_rates_and_those_of_others_are_left_alone(optimizer):
    assert _found(optimizer) == ()


def test_a_decay_that_is_meant_for_epochs_but_happens_every_step_is_found():
    (found,) = _found(keras.optimizers.Adam(schedules.ExponentialDecay(1e-3, 1, 0.97)))
    assert "decays away" in found.message
    assert "1000 steps" in found.message
    assert _found(keras.optimizers.Adam(schedules.ExponentialDecay(1e-3, 10, 0.96))) == ()


@pytest.mark.parametrize(
    "schedule",
    [
        schedules.CosineDecay(1e-3, STEPS),
        schedules.CosineDecay(1e-3, STEPS + 10),
        schedules.CosineDecay(1e-3, STEPS, alpha=1e-4),
        schedules.PolynomialDecay(1e-3, STEPS, end_learning_rate=1e-7),
        schedules.CosineDecay(1e-6, STEPS // 2, warmup_target=1e-3, warmup_steps=STEPS // 4),
    ],
)
def test_schedules_that_end_low_on_purpose_are_left_alone(schedule):
    assert _found(keras.optimizers.Adam(schedule)) == ()
