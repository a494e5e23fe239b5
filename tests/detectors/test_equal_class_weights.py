from remedy import registry
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(class_weight):
    X, y = blobs(rows=400, shares=[0.8, 0.12, 0.08])
    evidence = static_evidence(*stuck_run_of(dense(), X, y, class_weight=class_weight))
    return diagnose(evidence, registry.detectors(["equal-class-weights"])).diagnoses


def test_weights_that_are_all_a_large_number_are_named_before_training():
    (found,) = _found({0: 223.0, 1: 223.0, 2: 223.0})
    assert found.epoch == 0
    assert "223" in found.message
    assert "class-weights" in found.remedies


def test_weights_that_balance_and_weights_of_one_are_left_alone():
    assert _found({0: 0.4, 1: 2.8, 2: 4.2}) == ()
    assert _found({0: 1.0, 1: 1.0, 2: 1.0}) == ()
    assert _found(None) == ()
