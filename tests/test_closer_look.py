"""The second tier looks only where the first is suspicious, seldom, and never for long."""

import math
from dataclasses import replace

import keras
import numpy as np
import pytest

from remedy.data.rows import Rows
from remedy.evidence import closer_look
from remedy.evidence.closer_look import CloserLook
from remedy.evidence.evidence import Evidence, Shallow

from .conftest import blobs, dense, stuck_run_of
from .test_suspicion import HEALTHY
from .watch import watched

X, Y = blobs(rows=200)
SICK = Evidence("multiclass", prior_loss=1.0986, constant_score=1 / 3)


@pytest.fixture(scope="module")
def model():
    return dense()


def _sick(epochs, planned, seconds=0.1):
    flat = (1.1,) * epochs
    return replace(SICK, loss=flat, probe_score=(0.33,) * epochs, seconds=(seconds,) * epochs, epochs_planned=planned)


def _followed(model, planned, taker=None, sick=_sick):
    """Go through all epochs as the recorder does; return the evidence and the epochs of the looks."""
    taker = taker or CloserLook(Rows(X, Y), "multiclass")
    evidence = Evidence()
    for epoch in range(1, planned + 1):
        evidence = replace(sick(epoch, planned), looks=evidence.looks, shallow=evidence.shallow)
        evidence = taker.add_to(evidence, model)
    return evidence, [look.epoch for look in evidence.looks or ()]


def test_a_healthy_run_is_never_looked_at(model):
    taker = CloserLook(Rows(X, Y), "multiclass")
    for epoch in range(HEALTHY.epochs_seen + 1):
        evidence = HEALTHY.until(epoch)
        assert taker.add_to(evidence, model) is evidence


def test_a_real_training_that_goes_well_is_never_looked_at():
    recorder = watched(*stuck_run_of(dense(rate=0.02), *blobs(rows=400), epochs=8))
    assert recorder.evidence.epochs_seen == 8
    assert recorder.evidence.looks is None
    assert recorder.evidence.shallow is None
    assert not recorder.examination.stuck


def test_a_real_training_that_is_stuck_is_looked_at():
    rate = keras.optimizers.SGD(1e-7)
    recorder = watched(*stuck_run_of(dense(optimizer=rate), *blobs(rows=400), epochs=9))
    assert [look.epoch for look in recorder.evidence.looks] == [2, 4, 8, 9]
    assert recorder.evidence.shallow.epoch == 2
    assert recorder.evidence.shallow.score > 0.8


@pytest.mark.parametrize(
    ("planned", "looks"), [(1, [1]), (2, [2]), (3, [2, 3]), (11, [2, 4, 8, 11]), (40, [2, 4, 8, 16, 32, 40])]
)
def test_a_sick_run_is_looked_at_in_doubling_distances_and_at_its_end(model, planned, looks):
    assert _followed(model, planned)[1] == looks


def test_there_are_never_more_than_six_looks(model):
    assert _followed(model, 300)[1] == [2, 4, 8, 16, 32, 64]


def test_a_shallow_model_is_asked_once(model):
    evidence, _ = _followed(model, 20)
    assert isinstance(evidence.shallow, Shallow)
    assert evidence.shallow.epoch == 2


def test_a_run_that_turns_sick_late_is_looked_at_from_then_on(model):
    def late(epochs, planned):
        return _sick(epochs, planned) if epochs >= 7 else replace(HEALTHY.until(epochs), epochs_planned=planned)

    assert _followed(model, 20, sick=late)[1] == [7, 14, 20]


def test_a_run_without_finite_numbers_gets_a_shallow_model_and_no_look(model):
    def broken(epochs, planned):
        return replace(_sick(epochs, planned), nonfinite_epoch=0, loss=(math.nan,) * epochs)

    evidence, looks = _followed(model, 4, sick=broken)
    assert looks == []
    assert evidence.shallow is not None


def test_looking_ends_when_its_share_of_the_time_is_spent(model, monkeypatch):
    monkeypatch.setattr(closer_look, "LEAST_SECONDS", 0.0)
    hasty = _followed(model, 40, sick=lambda epochs, planned: _sick(epochs, planned, seconds=1e-9))
    assert hasty[1] == [2]
    stuck_run = _followed(model, 40, sick=lambda epochs, planned: _sick(epochs, planned, seconds=1000.0))
    assert stuck_run[1] == [2, 4, 8, 16, 32, 40]


def test_a_few_seconds_are_always_allowed(model, monkeypatch):
    monkeypatch.setattr(closer_look, "LEAST_SECONDS", 1e9)
    assert _followed(model, 11)[1] == [2, 4, 8, 11]


def test_what_cannot_be_looked_at_is_tried_once():
    taker = CloserLook(Rows(X, Y), "multiclass")
    with pytest.raises(AttributeError):
        taker.add_to(_sick(2, 9), object())
    evidence = _sick(4, 9)
    assert taker.add_to(evidence, object()) is evidence


def test_too_few_rows_for_a_shallow_model_are_no_failure(model):
    evidence, looks = _followed(model, 4, CloserLook(Rows(X[:12], Y[:12]), "multiclass"))
    assert evidence.shallow is None
    assert looks == [2, 4]


def test_before_training_the_initial_weights_are_looked_at_suspicious_or_not(model):
    before = [np.array(v) for v in model.weights]
    evidence = CloserLook(Rows(X, Y), "multiclass").before_training(Evidence(), model)
    assert [look.epoch for look in evidence.looks] == [0]
    assert evidence.shallow.epoch == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.weights, strict=True))


def test_inputs_that_are_ids_are_counted_for_the_shallow_model():
    rng = np.random.default_rng(0)
    words, y = rng.integers(10, 400, (400, 20)), rng.integers(0, 2, 400)
    words[:, 3] = np.where(y == 1, 7, 8)
    words = rng.permuted(words, axis=1)
    found = [CloserLook(Rows(words, y), "binary", ids).compare(_sick(2, 9)).shallow.score for ids in (False, True)]
    assert found[0] < 0.8 < 0.9 < found[1]


@pytest.mark.parametrize(("score", "looked"), [(0.82, False), (0.5, True)])
def test_at_the_end_of_a_short_training_layers_are_looked_at_only_where_a_shallow_model_is_far_ahead(
    model, monkeypatch, score, looked
):
    asked = []

    def shallow(rows, task, ids, epoch, limit, **_):
        asked.append(limit)
        return Shallow(epoch, 0.95, 0.01, 1 / 3, "a forest of trees")

    monkeypatch.setattr(closer_look, "shallow_baseline", shallow)
    ended = replace(SICK, loss=(1.0, 0.8, 0.7), probe_score=(0.4, 0.45, score), seconds=(0.5,) * 3, epochs_planned=3)
    found = CloserLook(Rows(X, Y), "multiclass").add_to(ended, model)
    assert asked == [closer_look.QUICK_ROWS]
    assert bool(found.looks) is looked
