import numpy as np
import pytest

from remedy.data.dataset import Dataset, nonfinite_report
from remedy.data.rows import Rows
from remedy.data.splitting import split
from remedy.data.task import infer_task
from remedy.errors import InvalidInput
from remedy.evidence.data_facts import input_facts

from .conftest import blobs


def _rows(n=200, groups=None, shares=(0.8, 0.15, 0.05)):
    X, y = blobs(rows=n, shares=shares)
    return Rows(X, y, None, groups)


def test_a_split_keeps_the_shares_of_the_classes():
    rows = _rows(1000)
    train, held = split(rows, 0.2, 0, "multiclass")
    assert len(held) == 200
    assert np.allclose(train.y.mean(0), held.y.mean(0), atol=0.01)


def test_a_group_stands_on_one_side_only_of_every_split_for_a_search():
    rows = _rows(600, groups=np.repeat(np.arange(60), 10))
    data = Dataset(rows, None, "multiclass").for_search(0)
    sides = [set(part.groups) for part in (data.train, data.validation, data.holdout)]
    assert sum(map(len, sides)) == len(set.union(*sides))
    assert len(sides[0] | sides[1] | sides[2]) == 60


def test_the_validation_rows_of_the_user_are_left_as_they_are_in_a_search():
    data = Dataset(_rows(300), _rows(50), "multiclass")
    found = data.for_search(1)
    assert found.validation is data.validation
    assert len(found.train) + len(found.holdout) == 300


def test_too_few_rows_or_groups_are_said():
    with pytest.raises(InvalidInput, match="too few"):
        split(_rows(8), 0.2, 0, "multiclass")
    with pytest.raises(InvalidInput, match="2 groups"):
        split(_rows(100, groups=np.repeat([0, 1], 50)), 0.2, 0, "multiclass")


@pytest.mark.parametrize(
    ("y", "loss", "units", "task"),
    [
        (np.eye(3)[[0, 1, 2]], "categorical_crossentropy", 3, "multiclass"),
        (np.eye(2)[[0, 1]], "categorical_crossentropy", 2, "binary"),
        (np.array([0, 1, 1]), "binary_crossentropy", 1, "binary"),
        (np.array([0, 4, 9]), "sparse_categorical_crossentropy", 10, "multiclass"),
        (np.array([[1, 1, 0], [0, 0, 0]]), "binary_crossentropy", 3, "multilabel"),
        (np.array([0.5, 1.2]), "mse", 1, "regression"),
        (np.array([3, 8, 21]), "mse", 1, "regression"),
        (np.random.default_rng(0).normal(size=(5, 2)), "mse", 2, "regression"),
    ],
)
def test_the_task_follows_from_the_labels(y, loss, units, task):
    assert infer_task(y, loss, units) == task


def test_signals_with_baselines_of_their_own_show_in_the_facts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 100, 1)) + 30 * rng.normal(size=(50, 1, 1))
    assert input_facts(X)[0].row_shift > 5
    assert input_facts(rng.normal(size=(50, 100, 1)))[0].row_shift < 0.5


def test_columns_with_nan_are_named_and_counted():
    X = np.ones((10, 4))
    X[:3, 2] = np.nan
    assert nonfinite_report(X) == "X: 3 values in 1 of 4 columns: 2 (3)"
    assert nonfinite_report(np.ones((3, 2))) is None


def test_the_digest_is_of_content():
    one, two = Dataset(_rows(50), None, "multiclass"), Dataset(_rows(50), None, "multiclass")
    assert one.digest == two.digest
    two.train.X[0, 0] += 1
    assert Dataset(two.train, None, "multiclass").digest != one.digest


def test_few_rows_are_confirmed_on_rows_that_are_known_and_more_are_not():
    def data(n):
        X, y = np.arange(4.0 * n).reshape(2 * n, 2), np.arange(2 * n) % 2
        return Dataset(Rows(X[:n], y[:n]), Rows(X[n:], y[n:]), "binary")

    assert data(6).for_search(0).nothing_aside
    assert not data(60).for_search(0).nothing_aside
