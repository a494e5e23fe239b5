import numpy as np

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors import SwappedValidationLabels
from remedy.evidence.baseline import shallow_baseline

from ..conftest import blobs, dense, stuck_run_of
from ..watch import named, watched


def _program(swap):
    X, y = blobs(rows=500, classes=2)
    recipe, data = stuck_run_of(dense(classes=2), X, y)
    held = data.validation
    return recipe, Dataset(data.train, Rows(held.X, held.y[:, ::-1] if swap else held.y), "binary")


def test_validation_labels_that_mean_the_opposite_fire_and_overfitting_is_not_the_word():
    found = watched(*_program(True))
    assert "swapped-validation-labels" in named(found)
    assert found.examination.stuck


def test_labels_of_one_coding_are_silent():
    assert "swapped-validation-labels" not in named(watched(*_program(False)))


def test_a_shallow_model_tells_it_before_the_network_has_learnt_anything():
    _, data = _program(True)
    known = shallow_baseline(data.train, "binary", validation=data.validation)
    assert known.held < 0.1
    assert SwappedValidationLabels().detect(0.5, 100, shallow=known) is not None
    assert np.isfinite(known.score)
