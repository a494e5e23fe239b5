"""The first tier: what nearly free measurements call suspicious."""

import math
from dataclasses import replace

import pytest

from remedy.evidence.closer_look import progress, suspicious
from remedy.evidence.evidence import Evidence

EPOCHS = 20
HEALTHY = Evidence(
    task="multiclass",
    epochs_planned=EPOCHS,
    prior_loss=1.0986,
    constant_score=1 / 3,
    loss=tuple(1.05 * 0.8**i + 0.02 * (i % 2) for i in range(EPOCHS)),
    val_loss=tuple(1.05 * 0.82**i for i in range(EPOCHS)),
    probe_loss=tuple(1.0 * 0.8**i for i in range(EPOCHS)),
    probe_score=tuple(1 - 0.6 * 0.72**i for i in range(EPOCHS)),
    val_score=tuple(1 - 0.62 * 0.75**i for i in range(EPOCHS)),
    probe_recalls=tuple((1 - 0.6 * 0.72**i, 1 - 0.7 * 0.75**i, 1 - 0.7 * 0.7**i) for i in range(EPOCHS)),
)
"""A training that goes well, from the first epoch to the last."""


def _after(epochs, **changes):
    return suspicious(replace(HEALTHY.until(epochs), **changes))


def test_a_healthy_run_is_suspicious_at_no_epoch():
    assert [_after(epoch) for epoch in range(EPOCHS + 1)] == [None] * (EPOCHS + 1)


def test_a_healthy_run_needs_none_of_its_measurements():
    for name in ("probe_score", "val_score", "probe_loss", "probe_recalls", "constant_score", "val_loss"):
        assert [_after(epoch, **{name: None}) for epoch in range(EPOCHS + 1)] == [None] * (EPOCHS + 1), name


def test_a_healthy_regression_is_suspicious_at_no_epoch():
    losses = tuple(4.0 * 0.7**i for i in range(EPOCHS))
    scores = tuple(1 - 0.72**i for i in range(2, EPOCHS + 2))
    run = Evidence(
        "regression", EPOCHS, prior_loss=4.2, constant_score=0.0, loss=losses, probe_score=scores, val_score=scores
    )
    assert [suspicious(run.until(epoch)) for epoch in range(EPOCHS + 1)] == [None] * (EPOCHS + 1)


def test_nothing_is_said_before_the_second_epoch_unless_there_is_none():
    sick = {"loss": (math.nan,), "nonfinite_epoch": 0}
    assert suspicious(Evidence()) is None
    assert suspicious(Evidence(epochs_planned=5, **sick)) is None
    assert suspicious(Evidence(epochs_planned=1, **sick)) == "a number is not finite"
    assert suspicious(Evidence(epochs_planned=1, loss=(0.1,), probe_score=(0.99,), constant_score=0.5)) is None


def test_a_number_that_is_not_finite():
    assert _after(3, nonfinite_epoch=1) == "a number is not finite"


def test_a_score_near_that_of_a_constant_answer():
    assert _after(4, probe_score=(0.33, 0.34, 0.36, 0.4)) == "the score is that of a constant answer"
    assert _after(4, val_score=(0.33, 0.34, 0.36, 0.4)) == "the validation score is that of a constant answer"


def test_a_class_that_is_hardly_ever_found():
    recalls = (*HEALTHY.probe_recalls[:3], (0.9, 0.1, 0.95))
    assert _after(4, probe_recalls=recalls) == "a class is hardly ever found"


@pytest.mark.parametrize("name", ["loss", "probe_loss"])
def test_a_loss_near_that_of_a_constant_answer(name):
    others = {"probe_loss": None, "probe_score": None, "probe_recalls": None, "val_score": None}
    assert _after(4, **{**others, name: (1.3, 1.2, 1.11, 1.09)}) == "the loss is that of a constant answer"


def test_a_loss_that_has_risen():
    assert _after(5, loss=(0.5, 0.3, 0.2, 0.25, 0.31)) == "the loss has risen"
    assert _after(5, loss=(0.5, 0.3, 0.2, 0.25, 0.29)) is None
    assert _after(4, loss=(0.5, 0.3, 0.2, math.nan)) is None


def test_a_loss_that_goes_up_and_down_near_zero_has_not_risen():
    assert _after(5, loss=(0.5, 0.1, 0.001, 0.02, 0.09)) is None
    assert _after(5, loss=(0.5, 0.1, 0.001, 0.02, 0.09), prior_loss=None) == "the loss has risen"


def test_a_run_that_is_not_half_way_after_a_tenth_of_its_epochs():
    slow = tuple(1 / 3 + 2 / 3 * s for s in (0.1, 0.2, 0.3, 0.4))
    long = {"epochs_planned": 40, "probe_score": slow}
    assert _after(4, **long) == "it learns slowly"
    assert _after(4, **{**long, "epochs_planned": 41}) is None
    assert _after(2, epochs_planned=10, probe_score=slow[2:]) is None


def test_a_run_that_ends_well_short_of_a_perfect_score():
    scores = (*HEALTHY.probe_score[:-1], 0.9)
    assert _after(EPOCHS, probe_score=scores) == "it ended short of a perfect score"
    assert _after(EPOCHS, probe_score=scores, epochs_planned=EPOCHS + 1) is None


def test_a_short_training_is_spared_a_look_that_would_cost_more_than_it_until_it_ends_far_short():
    slow = tuple(1 / 3 + 2 / 3 * s for s in (0.1, 0.2, 0.3, 0.4))
    for seconds, told in ((0.5, None), (3.0, "it learns slowly")):
        assert _after(4, probe_score=slow, seconds=(seconds,) * 4) == told
    assert _after(4, probe_score=slow, epochs_planned=4, seconds=(0.5,) * 4) == "it learns slowly"
    for last, told in ((0.9, None), (0.8, "it ended short of a perfect score")):
        scores = (*HEALTHY.probe_score[:-1], last)
        assert _after(EPOCHS, probe_score=scores, seconds=(0.1,) * EPOCHS) == told


def test_progress_is_the_share_of_the_way_from_the_constant_to_a_perfect_score():
    run = Evidence(constant_score=0.5)
    assert [progress(run, (0.2, score)) for score in (0.5, 0.75, 1.0)] == [0.0, 0.5, 1.0]
    assert progress(run, (0.25,)) == -0.5


def test_progress_is_unknown_without_numbers_to_measure_it():
    assert progress(Evidence(), (0.5,)) is None
    for scores in (None, (), (math.nan,), (0.5, math.inf)):
        assert progress(Evidence(constant_score=0.5), scores) is None
    assert progress(Evidence(constant_score=1.0), (1.0,)) is None
