import pytest

from remedy import registry
from remedy.detectors.class_imbalance import ClassImbalance
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(shares):
    evidence = static_evidence(*stuck_run_of(dense(), *blobs(rows=1000, shares=shares)))
    return diagnose(evidence, registry.detectors(["class-imbalance"])).diagnoses


def test_unbalanced_rows_are_found_before_training_with_both_classes_named():
    (found,) = _found([0.75, 0.08, 0.17])
    assert found.epoch == 0
    assert found.measured["ratio"] == pytest.approx(9.5, abs=2)
    assert "Class 0" in found.message
    assert "class 1" in found.message


def test_balanced_rows_are_left_alone():
    assert _found([0.4, 0.3, 0.3]) == ()


def test_labels_of_pixels_are_not_called_rows():
    found = ClassImbalance().detect({0: 9000, 1: 1000}, n_train=10)
    assert "Class 0 has 9000 labels" in found.message
