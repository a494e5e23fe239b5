from dataclasses import replace

import keras
import numpy as np
import pytest

import remedy
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.even_weights import EvenWeights
from remedy.remedies.oversampling import Oversampling
from remedy.testing import check_patch, check_unchanged

from ..conftest import blobs, dense


def _program(weights=None, class_weight=None):
    X, y = blobs(rows=120)
    fit = {"epochs": 2, "batch_size": 16, "class_weight": class_weight}
    return Recipe.from_model(dense(), fit), Dataset(Rows(X, y, weights), None, "multiclass")


def test_weights_of_rows_and_classes_are_left_out_of_training():
    recipe, data = _program(np.linspace(0, 1, 120, dtype="float32"), {0: 5.0, 1: 1.0, 2: 1.0})
    changed = EvenWeights().apply(recipe, data)
    assert changed.coded(data.train).sample_weight is None
    assert changed.class_weight is None
    assert Recipe.from_dict(changed.to_dict()) == changed
    assert EvenWeights().describe(recipe, changed) == ("weights of rows and class weights", "every row counts alike")
    check_patch(EvenWeights(), recipe, data)


def test_rows_drawn_again_behind_it_ask_for_no_weights():
    recipe, data = _program(np.linspace(0, 1, 120, dtype="float32"))
    data = replace(data, train=data.train.take(np.flatnonzero(np.arange(120) % 3 != data.train.y.argmax(1))))
    changed = EvenWeights().apply(recipe, data)
    assert "sample_weight" not in Oversampling().patch(changed, data, kind="random")
    assert "sample_weight" in Oversampling().patch(recipe, data, kind="random")


def test_a_program_without_weights_is_left_alone():
    check_unchanged(EvenWeights(), *_program())


@pytest.mark.slow
def test_a_program_whose_row_weights_silence_a_class_is_repaired(store):
    X, y = blobs(rows=400, seed=3)
    ids = y.argmax(1)
    keras.utils.set_random_seed(0)
    model = dense()
    silent = np.where(ids == 1, 0.0, 1.0)
    result = remedy.fit(
        model, X, y, epochs=15, batch_size=32, verbose=0, sample_weight=silent, validation_split=0.2,
        search=remedy.Search(timeout=30),
    )  # fmt: skip
    assert "silenced-class" in {d.name for d in result.diagnoses}
    assert result.fix is not None, result.conclusion
    assert "even-weights" in result.fix.prescription.names
    found = result.fix.model.predict(X, verbose=0).argmax(1)
    assert np.mean(found[ids == 1] == 1) > 0.8
