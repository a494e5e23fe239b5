from remedy import registry
from remedy.detectors.too_few_rows import TooFewRows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(**blob):
    evidence = static_evidence(*stuck_run_of(dense(), *blobs(**blob)))
    return diagnose(evidence, registry.detectors(["DAT109"])).diagnoses


def test_a_handful_of_rows_is_found():
    (found,) = _found(rows=40)
    assert found.severity == "warning"
    assert "32 training rows" in found.message


def test_a_class_of_a_few_rows_is_found_by_name():
    (found,) = _found(rows=600, shares=[0.6, 0.395, 0.005])
    assert found.message.startswith("Class 2 has")
    assert found.measured["smallest_class"] < 10


def test_rows_enough_in_every_class_are_left_alone():
    assert _found() == ()


def test_classes_without_any_row_do_not_count():
    assert TooFewRows().detect(n_train=100, class_counts={0: 50, 1: 50, 2: 0}) is None
    assert TooFewRows().detect(n_train=100, class_counts={}) is None


def test_few_rows_and_a_small_class_are_said_in_one_sentence():
    found = TooFewRows().detect(n_train=30, class_counts={0: 26, 1: 4})
    assert found.message == "There are 30 training rows in all, and class 1 has 4 of 30 training rows."
