import numpy as np
import pytest

from remedy import resampling
from remedy.dataset import Rows
from remedy.recipe import Resampling
from remedy.remedies.oversampling import Oversampling
from remedy.resampling import resample
from remedy.testing import check_rewritten, check_unchanged

from ..conftest import blobs, dense, patient_of

UNBALANCED = blobs(rows=400, shares=[0.8, 0.15, 0.05])


@pytest.mark.parametrize("kind", ["random", "smote"])
def test_every_class_gets_as_many_training_rows_as_the_largest(kind):
    recipe, data = patient_of(dense(), *UNBALANCED)
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
    recipe, data = patient_of(dense(), X, y)
    data.train.y[data.train.y[:, 2] == 1] = [1, 0, 0]
    data.train.y[0] = [0, 0, 1]
    check_unchanged(Oversampling(), recipe, data, kind="smote")


def test_rows_that_would_not_fit_in_memory_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr(resampling, "MEMORY_LIMIT", 1000)
    check_unchanged(Oversampling(), *patient_of(dense(), *UNBALANCED), kind="random")


def test_balanced_rows_are_left_as_they_are():
    X, _ = blobs(rows=300)
    check_unchanged(Oversampling(), *patient_of(dense(), X, np.eye(3)[np.arange(300) % 3]), kind="random")
