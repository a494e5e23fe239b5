import numpy as np
import pytest

from remedy import registry
from remedy.detectors.no_signal import NoSignal
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Evidence, Shallow

from ..conftest import blobs, dense, stuck_run_of
from ..watch import named, watched

NOTHING = Shallow(2, 0.34, 0.01, 0.333, "a forest of trees")


def _trained(order=None):
    X, y = blobs(rows=500)
    if order is not None:
        y = np.random.default_rng(order).permutation(y)
    return watched(*stuck_run_of(dense(), X, y, epochs=6, batch_size=64))


def test_labels_in_another_order_than_the_rows_are_found_in_the_fifth_epoch():
    recorder = _trained(order=2)
    found = next(d for d in recorder.examination.diagnoses if d.name == "no-signal")
    assert found.epoch == 5
    assert found.measured["shallow"] == recorder.evidence.shallow.score < 0.38
    assert "neither has found anything in X that tells about y" in found.message
    assert recorder.examination.cause is found


def test_the_same_labels_in_the_order_of_their_rows_are_left_alone():
    recorder = _trained()
    assert "no-signal" not in named(recorder)
    assert not recorder.examination.stuck


def test_without_validation_rows_the_loss_has_to_stay_at_that_of_a_constant():
    at_prior = NoSignal().detect(shallow=NOTHING, loss=[1.1, 1.099, 1.098, 1.098, 1.097], prior_loss=1.0986)
    assert "the network's loss is 1.097" in at_prior.message
    assert NoSignal().detect(shallow=NOTHING, loss=[1.1, 1.0, 0.9, 0.8, 0.7], prior_loss=1.0986) is None
    assert NoSignal().detect(shallow=NOTHING, loss=[1.1] * 5) is None


@pytest.mark.parametrize(
    "known",
    [
        {"epochs_planned": 60},
        {"val_score": [0.34, 0.33, 0.34, 0.36, 0.55]},
        {"val_score": [0.38] * 5},
        {"shallow": Shallow(2, 0.5, 0.01, 0.333, "a linear model")},
    ],
    ids=["too early", "the network finds something", "a little in every epoch", "the shallow model finds something"],
)
def test_a_sign_of_a_signal_or_too_few_epochs_keep_it_silent(known):
    blind = {"shallow": NOTHING, "loss": [1.1] * 5, "val_score": [0.33] * 5}
    assert NoSignal().detect(**blind) is not None
    assert NoSignal().detect(**{**blind, **known}) is None


def test_the_luck_of_a_hundred_validation_rows_does_not_hide_labels_in_another_order():
    # Measured: `_trained(order=5)`.
    evidence = Evidence(
        loss=(1.256, 1.137, 1.107, 1.085, 1.073),
        prior_loss=1.0946,
        val_score=(0.418, 0.357, 0.348, 0.371, 0.394),
        n_validation=100,
        constant_score=0.333,
        epochs_planned=6,
        shallow=Shallow(2, 0.377, 0.024, 0.333, "a linear model"),
    )
    assert diagnose(evidence, registry.detectors(["DAT108"])).diagnoses
