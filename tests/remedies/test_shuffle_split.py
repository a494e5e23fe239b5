from dataclasses import replace

import keras
import numpy as np
import pytest

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import class_ids
from remedy.recipe.recipe import Recipe
from remedy.remedies.shuffle_split import ShuffleSplit
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense


def _sorted_program(rows=300):
    X, y = blobs(rows=rows)
    order = np.argsort(y.argmax(-1), kind="stable")
    X, y, at = X[order], y[order], rows * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "multiclass", validation_tail=True)
    return Recipe.from_model(dense(), {"epochs": 2, "batch_size": 32}), data


def _classes(rows):
    return set(class_ids(rows.target))


def test_a_recipe_asks_for_a_new_split_once():
    recipe, data = _sorted_program()
    changed = check_rewritten(ShuffleSplit(), recipe, data)
    check_unchanged(ShuffleSplit(), changed, data)


def test_a_new_split_shows_every_class_on_both_sides_and_loses_no_row():
    _, data = _sorted_program()
    assert len(_classes(data.validation)) == 1
    new = data.resplit(0)
    assert _classes(new.train) == _classes(new.validation) == {0, 1, 2}
    assert len(new.train) + len(new.validation) == 300
    assert len(new.validation) == 60


def test_a_search_chooses_and_confirms_on_every_class_and_never_trains_on_those_rows():
    _, data = _sorted_program()
    found = data.for_search(0, resplit=True)
    parts = [found.train, found.extra, found.validation, found.holdout]
    assert _classes(found.validation) == _classes(found.holdout) == {0, 1, 2}
    assert sum(len(p) for p in parts) == 300
    seen = [row.tobytes() for p in parts for row in p.X]
    assert len(set(seen)) == len({row.tobytes() for row in np.concatenate([data.train.X, data.validation.X])})
    own = {row.tobytes() for row in data.train.X}
    assert all(row.tobytes() in own for row in found.train.X)
    assert not any(row.tobytes() in own for row in found.extra.X)


def test_without_validation_rows_or_with_groups_there_is_nothing_to_split():
    recipe, data = _sorted_program()
    check_unchanged(ShuffleSplit(), recipe, Dataset(data.train, None, "multiclass"))
    grouped = Rows(data.train.X, data.train.y, None, np.arange(len(data.train)) // 4)
    check_unchanged(ShuffleSplit(), recipe, Dataset(grouped, data.validation, "multiclass"))


def test_groups_stay_on_one_side_of_what_a_search_chooses_and_confirms_by_though_the_validation_rows_are_sorted():
    _, data = _sorted_program()
    groups = np.arange(300) // 4
    train, held = (
        replace(rows, groups=part) for rows, part in ((data.train, groups[:240]), (data.validation, groups[240:]))
    )
    found = replace(data, train=train, validation=held).for_search(0, resplit=True)
    sides = [set(part.groups) for part in (found.train, found.validation, found.holdout)]
    assert len(set.union(*sides)) == sum(map(len, sides))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_patch_puts_the_validation_rows_in_before_it_splits_anew(weighted):
    _, data = _sorted_program()
    given = replace(data, validation_tail=False)
    weights = np.ones(240) if weighted else None
    given = replace(given, train=replace(given.train, sample_weight=weights))
    recipe = Recipe.from_model(dense(), {"epochs": 2, "batch_size": 32})
    fit = {"validation_data": (data.validation.X, data.validation.y)} | ({"sample_weight": weights} if weighted else {})
    space = {"np": np, "keras": keras, "X_train": data.train.X, "y_train": data.train.y, "fit": fit}
    exec(ShuffleSplit().patch(recipe, given), space)
    assert len(space["X_train"]) == len(space["y_train"]) == 300
    assert space["fit"]["validation_split"] == 0.2
    assert "validation_data" not in space["fit"]
    assert set(class_ids(space["y_train"][240:])) == {0, 1, 2}
    assert not weighted or len(space["fit"]["sample_weight"]) == 300
