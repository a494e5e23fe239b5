from dataclasses import replace

import numpy as np

from remedy import registry
from remedy.detectors.sorted_validation_split import SortedValidationSplit
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence

from ..conftest import blobs, dense, stuck_run_of


def _found(X, y, tail=True):
    recipe, data = stuck_run_of(dense(classes=y.shape[1]), X, y)
    evidence = static_evidence(recipe, replace(data, validation_tail=tail))
    return diagnose(evidence, registry.detectors(["DAT106"])).diagnoses


def _sorted(**blob):
    X, y = blobs(**blob)
    order = np.argsort(y.argmax(1), kind="stable")
    return X[order], y[order]


def _judge(train, held, **more):
    return SortedValidationSplit().detect(dict(enumerate(train)), dict(enumerate(held)), **more)


def test_the_last_rows_of_sorted_rows_are_another_class():
    for classes in (2, 3, 10):
        (found,) = _found(*_sorted(classes=classes))
        assert found.severity == "error"
        assert "validation_split takes the last rows as they stand: they are sorted by class" in found.message


def test_the_same_rows_in_random_order_are_left_alone():
    for classes in (2, 3, 10):
        assert _found(*blobs(classes=classes)) == ()
        assert _found(*blobs(classes=classes), tail=False) == ()


def test_rows_cut_by_hand_are_found_without_blaming_keras():
    (found,) = _found(*_sorted(), tail=False)
    assert "validation_split" not in found.message
    assert "sorted by class" in found.message


def test_a_rare_class_at_the_end_of_sorted_rows_is_found():
    (found,) = _found(*_sorted(classes=2, shares=[0.87, 0.13], rows=1000))
    assert found.measured["training_share"] < 0.02


def test_validation_rows_of_one_class_are_found_although_training_has_it():
    assert _judge([300, 700], [0, 40]) is not None
    assert _judge([100, 900], [0, 40]) is None
    assert _judge([0, 900], [0, 40]) is None


def test_sides_that_were_balanced_on_purpose_are_left_alone():
    assert _judge([950, 50], [50, 50]) is None
    assert _judge([990, 10], [100, 100]) is None
    assert _judge([980, 10, 10], [100, 100, 100]) is None
    assert _judge([500, 500, 500], [288, 6, 6]) is None


def test_many_classes_in_a_small_random_sample_are_left_alone():
    rng = np.random.default_rng(0)
    for classes, rows in ((10, 20), (100, 50), (1000, 200)):
        train, held = (np.bincount(rng.integers(0, classes, n), minlength=classes) for n in (5 * rows, rows))
        assert _judge(train.tolist(), held.tolist()) is None
        assert _judge(train.tolist(), held.tolist(), validation_tail=True) is None


def test_a_few_rows_or_none_are_left_alone():
    assert _judge([200, 200], [0, 19]) is None
    assert _judge([200, 200], [0, 600], n_validation=5) is None
    assert _judge([], []) is None
