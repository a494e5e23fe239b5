from dataclasses import replace

import keras
import pytest

from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of

STEPS = 5 * 10


def _evidence(rate):
    return static_evidence(*stuck_run_of(dense(optimizer=keras.optimizers.Adam(rate)), *blobs()))


def _judged(evidence):
    return diagnose(evidence, registry.detectors(["OPT408"]))


def test_a_negative_rate_makes_the_run_stuck_before_training():
    examination = _judged(_evidence(-0.001))
    assert examination.stuck
    assert "-0.001" in examination.cause.message
    assert examination.cause.remedies[0] == "learning-rate"


def test_a_rate_of_nan_makes_the_run_stuck():
    assert _judged(_evidence(float("nan"))).stuck


def test_a_rate_of_zero_makes_the_run_stuck_before_training():
    assert _judged(_evidence(0.0)).stuck


def test_an_ordinary_rate_is_left_alone():
    assert not _judged(_evidence(0.001).with_epoch(loss=1.1, learning_rate=0.001)).diagnoses


@pytest.mark.parametrize(
    "schedule",
    [
        keras.optimizers.schedules.CosineDecay(1e-3, STEPS),
        keras.optimizers.schedules.CosineDecay(0.0, STEPS // 2, warmup_target=1e-3, warmup_steps=STEPS // 4),
        keras.optimizers.schedules.PolynomialDecay(0.0, STEPS, end_learning_rate=1e-3),
        keras.optimizers.schedules.PolynomialDecay(1e-3, STEPS, end_learning_rate=0.0),
    ],
)
def test_schedules_that_begin_or_end_at_zero_are_left_alone(schedule):
    evidence = _evidence(schedule)
    assert evidence.planned_rates is not None
    assert not _judged(evidence).diagnoses
    assert not _judged(evidence.with_epoch(loss=1.1, learning_rate=float(schedule(STEPS // 5)))).diagnoses


def test_a_schedule_that_ends_with_the_only_epoch_is_left_alone():
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 8, warmup_target=1e-3, warmup_steps=2)
    model = dense(optimizer=keras.optimizers.Adam(schedule))
    evidence = static_evidence(*stuck_run_of(model, *blobs(), epochs=1)).with_epoch(loss=1.1, learning_rate=0.0)
    assert not _judged(evidence).diagnoses


def test_a_rate_that_turns_negative_or_infinite_during_training_is_found():
    evidence = _evidence(0.001)
    for rate in (-1e-3, float("inf")):
        found = _judged(replace(evidence, loss=(1.0, 0.9), learning_rate=(1e-3, rate))).cause
        assert "epoch 2" in found.message
