import numpy as np

from remedy.data.fit_call import read_rows
from remedy.detectors.group_leak import GroupLeak
from remedy.evidence.baseline import shallow_baseline
from remedy.evidence.evidence import Shallow


def _found(groups_tell):
    """Thirty patients of ten rows; a row shows its patient, its class, or both."""
    rng = np.random.default_rng(0)
    patient = np.repeat(np.arange(30), 10)
    of_patient = rng.integers(0, 3, 30)[patient]
    traits = 3 * rng.normal(size=(30, 8))[patient]
    told = 1.2 * np.eye(8)[of_patient]
    X = (traits if groups_tell else told) + rng.normal(size=(300, 8))
    rows = read_rows(X.astype("float32"), np.eye(3)[of_patient], groups=patient)
    return GroupLeak().detect(shallow_baseline(rows, "multiclass"))


def test_rows_that_are_known_by_their_patient_are_found_and_both_figures_are_told():
    found = _found(groups_tell=True)
    assert found.measured["mixed"] > 0.8
    assert found.measured["apart"] < 0.5
    assert f"never seen {found.measured['apart']:.2f}" in found.message


def test_rows_that_are_known_by_their_class_alone_are_left_alone():
    assert _found(groups_tell=False) is None


def test_without_groups_nothing_is_measured_and_nothing_said():
    X = np.random.default_rng(0).normal(size=(90, 4)).astype("float32")
    measured = shallow_baseline(read_rows(X, np.eye(3)[np.arange(90) % 3]), "multiclass")
    assert measured.mixed is None
    assert GroupLeak().detect(measured) is None


def test_a_difference_within_the_error_is_left_alone():
    assert GroupLeak().detect(Shallow(2, 0.5, 0.1, 0.33, "a forest of trees", mixed=0.65)) is None
