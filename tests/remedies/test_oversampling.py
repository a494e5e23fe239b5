from dataclasses import replace

import keras
import numpy as np
import pytest

from remedy.data.rows import Rows
from remedy.recipe import resampling
from remedy.recipe.recipe import Resampling
from remedy.recipe.resampling import resample
from remedy.remedies.oversampling import Oversampling
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of

UNBALANCED = blobs(rows=400, shares=[0.8, 0.15, 0.05])


@pytest.mark.parametrize("kind", ["random", "smote"])
def test_every_class_gets_as_many_training_rows_as_the_largest(kind):
    recipe, data = stuck_run_of(dense(), *UNBALANCED)
    held = data.validation.X.copy()
    check_rewritten(Oversampling(), recipe, data, kind=kind)
    drawn = resample(data.train, Resampling(kind), 0)
    assert len(set(drawn.y.sum(0))) == 1
    assert set(np.unique(drawn.y)) == {0.0, 1.0}
    assert np.array_equal(held, data.validation.X)


def test_random_copies_are_rows_of_the_training_side_and_keep_their_weights():
    X, y = UNBALANCED
    rows = Rows([X, X[:, :1]], y, sample_weight=np.arange(400.0))
    drawn = resample(rows, Resampling("random"), 1)
    for i in range(len(drawn) - 5, len(drawn)):
        source = int(drawn.sample_weight[i])
        assert np.array_equal(drawn.X[0][i], X[source])
        assert np.array_equal(drawn.y[i], y[source])


def test_smote_needs_one_input_and_two_rows_of_each_class():
    X, y = UNBALANCED
    recipe, data = stuck_run_of(dense(), X, y)
    data.train.y[data.train.y[:, 2] == 1] = [1, 0, 0]
    data.train.y[0] = [0, 0, 1]
    check_unchanged(Oversampling(), recipe, data, kind="smote")


def test_rows_that_would_not_fit_in_memory_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr(resampling, "MEMORY_LIMIT", 1000)
    check_unchanged(Oversampling(), *stuck_run_of(dense(), *UNBALANCED), kind="random")


def test_balanced_rows_are_left_as_they_are():
    X, _ = blobs(rows=300)
    check_unchanged(Oversampling(), *stuck_run_of(dense(), X, np.eye(3)[np.arange(300) % 3]), kind="random")


@pytest.mark.parametrize("kind", ["random", "smote", "balanced"])
def test_the_patch_draws_no_row_of_validation_split_and_keeps_the_weights_beside_their_rows(kind):
    X, y = blobs(rows=400, shares=[0.7, 0.2, 0.1])
    recipe, data = stuck_run_of(dense(), X, y)
    weights = np.arange(400.0)
    train, held = Rows(X[:320], y[:320], weights[:320]), Rows(X[320:], y[320:], weights[320:])
    data = replace(data, train=train, validation=held, validation_tail=True)
    space = {
        "np": np,
        "keras": keras,
        "X_train": X,
        "y_train": y,
        "fit": {"validation_split": 0.2, "sample_weight": weights},
    }
    exec(Oversampling().patch(recipe, data, kind=kind), space)
    fit = space["fit"]
    assert "validation_split" not in fit
    assert all(
        np.array_equal(a, b) for a, b in zip(fit["validation_data"], (X[320:], y[320:], weights[320:]), strict=True)
    )
    assert len(fit["sample_weight"]) == len(space["X_train"]) == len(space["y_train"])
    held_rows = {row.tobytes() for row in X[320:]}
    assert not any(row.tobytes() in held_rows for row in np.asarray(space["X_train"], X.dtype))
    if kind != "smote":
        assert all(np.array_equal(space["X_train"][i], X[int(fit["sample_weight"][i])]) for i in range(50))


def test_the_patch_of_rows_that_keras_splits_trains_as_the_recipe_does():
    X, y = blobs(rows=400, shares=[0.7, 0.2, 0.1])
    recipe, data = stuck_run_of(dense(), X, y)
    data = replace(data, train=Rows(X[:320], y[:320]), validation=Rows(X[320:], y[320:]), validation_tail=True)
    check_patch(Oversampling(), recipe, data, kind="random")
