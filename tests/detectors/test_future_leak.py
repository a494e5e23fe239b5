"""future-leak: shuffled rows of a series promise more than the future will keep."""

import numpy as np

from remedy.data.rows import Rows
from remedy.detectors import FutureLeak
from remedy.evidence.baseline import shallow_baseline


def _drifting(drift):
    """A target that follows the calendar, which tells nothing of days to come, or the input, which does."""
    rng = np.random.default_rng(0)
    day = np.arange(600)
    walk = rng.standard_normal(600).cumsum()
    X = np.stack([day, rng.standard_normal(600)], axis=1)
    return X, walk if drift else 3 * X[:, 1] + 0.3 * rng.standard_normal(600), day


def test_a_series_that_only_neighbours_tell_fires():
    X, y, day = _drifting(True)
    found = shallow_baseline(Rows(X, y, order=day), "regression")
    assert found.shuffled > 0.9
    assert "By time" not in FutureLeak().detect(found).message
    assert FutureLeak().detect(found).measured["by_time"] < 0.5


def test_a_series_that_its_inputs_tell_is_silent():
    X, y, day = _drifting(False)
    assert FutureLeak().detect(shallow_baseline(Rows(X, y, order=day), "regression")) is None


def test_rows_without_an_order_are_not_asked():
    X, y, _ = _drifting(True)
    assert shallow_baseline(Rows(X, y), "regression").shuffled is None
