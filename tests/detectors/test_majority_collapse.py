import keras
import pytest

from remedy.detectors.majority_collapse import MajorityCollapse
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Evidence, Start

from ..conftest import blobs, dense, stuck_run_of
from ..watch import named, watched


def test_a_net_that_answers_the_majority_to_everything_is_found_with_its_numbers():
    X, y = blobs(rows=500, scale=100.0, shift=500.0, shares=[0.85, 0.1, 0.05])
    recorder = watched(*stuck_run_of(dense(optimizer=keras.optimizers.SGD(0.05)), X, y, epochs=6))
    found = next(d for d in recorder.examination.diagnoses if d.name == "majority-collapse")
    assert found.epoch == 4
    assert "Every one of 128 probe rows" in found.message
    assert recorder.examination.stuck


def test_the_same_net_on_scaled_and_balanced_rows_is_left_alone():
    assert "majority-collapse" not in named(watched(*stuck_run_of(dense(), *blobs(rows=500), epochs=6)))


def test_a_net_that_begins_with_one_class_and_then_learns_is_left_alone():
    X, y = blobs(rows=600, shares=[0.85, 0.1, 0.05])
    recorder = watched(*stuck_run_of(dense(rate=0.002), X, y, epochs=12))
    assert recorder.scores[-1] > 0.8
    assert not recorder.examination.stuck


@pytest.mark.parametrize(("planned", "needed"), [(2, 2), (10, 4), (60, 6), (20_000, 8), (0, 4)])
def test_patience_is_a_tenth_of_the_plan_within_bounds(planned, needed):
    assert MajorityCollapse().needed_epochs(planned) == needed


@pytest.mark.parametrize(("losses", "fires"), [((0.12, 0.09, 0.07, 0.05), False), ((0.12, 0.119, 0.118, 0.117), True)])
def test_where_nobody_knows_what_a_constant_answer_costs_the_loss_itself_must_stand_still(losses, fires):
    found = MajorityCollapse().detect(losses, ((64, 0),) * 4, {0: 950, 1: 50}, 20, None)
    assert (found is not None) is fires


def test_a_fresh_head_on_loaded_layers_may_come_down_to_the_prior_first():
    told = {
        "task": "multiclass",
        "loss": (3.1, 2.2, 1.6, 1.2),
        "prior_loss": 1.1,
        "predicted_counts": ((64, 0, 0),) * 4,
        "class_counts": {0: 100, 1: 100, 2: 100},
        "epochs_planned": 20,
    }
    begun = Start(2, 4, "head", score=0.9, constant=1 / 3)
    assert diagnose(Evidence(**told), [MajorityCollapse()]).stuck
    assert not diagnose(Evidence(**told, start=begun), [MajorityCollapse()]).stuck


@pytest.mark.parametrize(("recalls", "fires"), [((0.999, 0.8), False), ((1.0, 0.0), True), (None, True)])
def test_a_rare_class_that_is_found_is_no_collapse(recalls, fires):
    given = {"probe_recalls": (recalls,) * 4} if recalls else {}
    found = MajorityCollapse().detect((0.1,) * 4, ((510, 2),) * 4, {0: 9950, 1: 50}, 20, None, **given)
    assert (found is not None) is fires
    assert found is None or found.message.startswith("510 of 512 probe rows are answered with class 0")
