from dataclasses import replace

import keras
import numpy as np
import pytest

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.evidence.static import row_weights
from remedy.recipe.recipe import Recipe
from remedy.remedies.class_weights import ClassWeights
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of

UNBALANCED = blobs(rows=1000, shares=[0.8, 0.15, 0.05])


def test_balanced_weights_make_every_class_weigh_alike_and_keep_the_mean_at_one():
    recipe, data = stuck_run_of(dense(), *UNBALANCED)
    weights = check_rewritten(ClassWeights(), recipe, data, kind="balanced").class_weight
    counts = data.train.y.sum(0)
    mass = [weights[c] * counts[c] for c in range(3)]
    assert max(mass) == pytest.approx(min(mass))
    assert np.average(list(weights.values()), weights=counts) == pytest.approx(1.0)


def test_square_root_weights_lie_between_none_and_balanced():
    recipe, data = stuck_run_of(dense(), *UNBALANCED)
    full = ClassWeights().apply(recipe, data, kind="balanced").class_weight
    root = ClassWeights().apply(recipe, data, kind="sqrt").class_weight
    assert 1 < root[2] / root[0] < full[2] / full[0]


def test_balanced_classes_get_no_weights():
    X, y = blobs(rows=300)
    y = np.eye(3, dtype="float32")[np.arange(300) % 3]
    check_unchanged(ClassWeights(), *stuck_run_of(dense(), X, y), kind="balanced")


def test_beside_weights_of_rows_the_patch_makes_one_of_both():
    recipe, data = stuck_run_of(dense(), *UNBALANCED)
    own = np.linspace(0.5, 1.5, len(data.train)).astype("float32")
    data = replace(data, train=replace(data.train, sample_weight=own))
    wanted = ClassWeights().apply(recipe, data, kind="balanced").class_weight
    space = {"np": np, "y_train": data.train.y, "fit": {"sample_weight": own}}
    exec(ClassWeights().patch(recipe, data, kind="balanced"), space)
    assert "class_weight" not in space["fit"]
    expected = own * np.array([wanted[label] for label in data.train.y.argmax(1)])
    np.testing.assert_allclose(space["fit"]["sample_weight"], expected, rtol=1e-6)


def test_labels_of_minus_one_and_one_keep_their_names_in_the_weights():
    X = np.random.default_rng(0).standard_normal((100, 4))
    y = np.where(np.arange(100) < 90, -1, 1)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="tanh")])
    model.compile("adam", "hinge")
    recipe, data = Recipe.from_model(model, {}), Dataset(Rows(X, y), None, "binary")
    changed = ClassWeights().apply(recipe, data, kind="balanced")
    assert changed.class_weight == pytest.approx({-1: 0.5556, 1: 5.0}, abs=1e-3)
    assert row_weights(data.train, changed.class_weight)[y[: len(data.train)] == -1].mean() == pytest.approx(
        0.5556, abs=1e-3
    )
