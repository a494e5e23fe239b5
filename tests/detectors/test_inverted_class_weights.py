import numpy as np
import pytest

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, dense

SHARES = np.array([0.6, 0.25, 0.15])


def _found(rows=None, classes=None):
    X, y = blobs(rows=300, shares=list(SHARES))
    data = Dataset(Rows(X, y, None if rows is None else rows[y.argmax(1)]), None, "multiclass")
    recipe = Recipe.from_model(dense(), {"epochs": 5, "batch_size": 32, "class_weight": classes})
    return diagnose(static_evidence(recipe, data), registry.detectors(["inverted-class-weights"])).diagnoses


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
