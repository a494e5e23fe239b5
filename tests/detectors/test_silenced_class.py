import numpy as np
import pytest

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, dense


def _found(weigh, class_weight=None):
    X, y = blobs(rows=300, shares=[0.6, 0.25, 0.15])
    ids = y.argmax(1)
    data = Dataset(Rows(X, y, weigh(ids)), None, "multiclass")
    recipe = Recipe.from_model(dense(), {"epochs": 5, "batch_size": 32, "class_weight": class_weight})
    return diagnose(static_evidence(recipe, data), registry.detectors(["silenced-class"])).diagnoses


@pytest.mark.parametrize(
    ("weigh", "class_weight"),
    [(lambda ids: np.where(ids == 2, 0.0, 1.0), None), (lambda ids: None, {0: 1.0, 1: 2.0, 2: 0.0})],
    ids=["by row weights", "by class weights"],
)
def test_a_class_whose_rows_all_weigh_nothing_is_named_before_training(weigh, class_weight):
    (found,) = _found(weigh, class_weight)
    assert found.epoch == 0
    assert "class 2" in found.message


def test_a_class_of_which_some_rows_count_is_left_alone():
    assert _found(lambda ids: np.where(ids == 2, np.arange(len(ids)) % 2, 1.0)) == ()
    assert _found(lambda ids: None) == ()


@pytest.mark.parametrize(
    ("weight", "said"),
    [(np.zeros(3), "All training rows"), (np.array([1, np.nan, 1]), "NaN"), (np.array([1, 1, -1]), "less than zero")],
    ids=["all zero", "no numbers", "below zero"],
)
def test_weights_that_nothing_can_be_learnt_by_are_named_for_what_they_are(weight, said):
    (found,) = _found(lambda ids: weight[ids])
    assert said in found.message
    assert found.remedies[0] == "even-weights"
