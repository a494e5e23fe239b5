import numpy as np

from remedy import registry
from remedy.detectors.duplicated_rows import DuplicatedRows
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import InputFacts
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(X, y):
    evidence = static_evidence(*stuck_run_of(dense(columns=X.shape[1]), X, y))
    return diagnose(evidence, registry.detectors(["DAT111"])).diagnoses


def test_rows_copied_before_the_split_are_found():
    X, y = blobs(rows=200)
    order = np.random.default_rng(0).permutation(400)
    (found,) = _found(np.concatenate([X, X])[order], np.concatenate([y, y])[order])
    assert found.severity == "warning"
    assert found.measured["overlap"] > 0.5
    assert "of the 80 validation rows" in found.message


def test_rows_that_differ_are_left_alone():
    assert _found(*blobs()) == ()


def test_a_table_of_a_few_whole_numbers_repeats_by_itself():
    answers = np.random.default_rng(0).integers(0, 3, (400, 4)).astype("float32")
    assert _found(answers, blobs()[1]) == ()


def test_whole_numbers_in_a_picture_do_not_repeat_by_themselves():
    picture = InputFacts("picture", (28, 28, 1), 0, 255, 30, 70, integers=True)
    assert DuplicatedRows().detect(validation_overlap=0.3, n_validation=200, inputs=[picture]) is not None


def test_a_few_rows_or_an_unknown_share_are_left_alone():
    assert DuplicatedRows().detect(validation_overlap=0.5, n_validation=10) is None
    assert DuplicatedRows().detect(validation_overlap=float("nan"), n_validation=100) is None
