"""What a forecast scores that knows nothing."""

import numpy as np
import pytest

from remedy.data.persistence import constant_answer
from remedy.data.rows import Rows


def windows(series, steps, channels=True):
    X = np.stack([series[at : at + steps] for at in range(len(series) - steps)])
    return Rows(X[..., None] if channels else X, series[steps:], order=np.arange(len(X)))


@pytest.mark.parametrize("channels", [True, False], ids=["(n, steps, 1)", "(n, steps)"])
def test_of_a_season_the_value_of_a_season_before_is_the_answer_to_beat(channels):
    time, noise = np.arange(600), np.random.default_rng(0).normal(0, 0.1, 600)
    series = np.sin(2 * np.pi * time / 24) + noise
    assert constant_answer(windows(series, 24, channels), "regression") > 0.95
    assert constant_answer(windows(series, 6, channels), "regression") < 0.95


def test_of_a_walk_the_last_value_is():
    series = np.random.default_rng(0).normal(0, 1, 600).cumsum()
    rows = windows(series, 10)
    last = 1 - np.mean((rows.target - rows.X[:, -1, 0]) ** 2) / rows.target.var()
    assert constant_answer(rows, "regression") == pytest.approx(last)


def test_rows_without_an_order_have_the_constant_only():
    rows = windows(np.random.default_rng(0).normal(0, 1, 100).cumsum(), 10)
    assert constant_answer(Rows(rows.X, rows.y), "regression") == 0.0
