import numpy as np
import pytest

from ..watch import found_in_weights


def _found(rows=None, classes=None):
    return found_in_weights("silenced-class", rows, classes)


@pytest.mark.parametrize(
    ("weigh", "class_weight"),
    [(lambda ids: np.where(ids == 2, 0.0, 1.0), None), (None, {0: 1.0, 1: 2.0, 2: 0.0})],
    ids=["by row weights", "by class weights"],
)
def test_a_class_whose_rows_all_weigh_nothing_is_named_before_training(weigh, class_weight):
    (found,) = _found(weigh, class_weight)
    assert found.epoch == 0
    assert "class 2" in found.message


def test_a_class_of_which_some_rows_count_is_left_alone():
    assert _found(lambda ids: np.where(ids == 2, np.arange(len(ids)) % 2, 1.0)) == ()
    assert _found() == ()


@pytest.mark.parametrize(
    ("weight", "said"),
    [(np.zeros(3), "All training rows"), (np.array([1, np.nan, 1]), "NaN"), (np.array([1, 1, -1]), "less than zero")],
    ids=["all zero", "no numbers", "below zero"],
)
def test_weights_that_nothing_can_be_learnt_by_are_named_for_what_they_are(weight, said):
    (found,) = _found(lambda ids: weight[ids])
    assert said in found.message
    assert found.remedies[0] == "even-weights"
