import numpy as np
import pytest

from ..watch import WEIGHTED_SHARES, found_in_weights

SHARES = np.array(WEIGHTED_SHARES)


def _found(rows=None, classes=None):
    return found_in_weights("inverted-class-weights", None if rows is None else lambda ids: rows[ids], classes)


@pytest.mark.parametrize(
    ("rows", "classes"),
    [(SHARES, None), (None, dict(enumerate(SHARES)))],
    ids=["by row weights", "by class weights"],
)
def test_shares_in_the_place_of_their_inverse_are_named_before_training(rows, classes):
    (found,) = _found(rows, classes)
    assert found.epoch == 0
    assert "wrong way round" in found.message


def test_a_class_that_weighs_next_to_nothing_is_named():
    (found,) = _found(classes={0: 0.01, 1: 1.0, 2: 1.0})
    assert "class 0" in found.message


def test_balanced_weights_and_none_are_left_alone():
    assert _found(classes={c: 1 / share for c, share in enumerate(SHARES)}) == ()
    assert _found() == ()
    assert _found(np.where(SHARES < 0.2, 0.0, 1.0)) == ()  # Silenced: another detector's.
