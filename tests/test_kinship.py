"""Rows that belong together are found, and no split parts them."""

from itertools import combinations

import numpy as np
import pytest

from remedy.data.dataset import Dataset
from remedy.data.kinship import kinship
from remedy.data.rows import Rows
from remedy.evidence.baseline import shallow_baseline

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((300, 30)).astype("float32")
SERIES = np.lib.stride_tricks.sliding_window_view(RNG.standard_normal(2000).cumsum().astype("float32"), 20)


@pytest.mark.parametrize(
    ("X", "groups"),
    [
        (np.concatenate([NOISE] * 10), 300),
        (np.concatenate([NOISE + 0.05 * RNG.standard_normal(NOISE.shape) for _ in range(5)]), 300),
        (np.concatenate([NOISE.reshape(300, 6, 5, 1), NOISE.reshape(300, 6, 5, 1)[:, :, ::-1]]), 300),
        ([np.repeat(NOISE, 3, axis=0), np.repeat(NOISE[:, :2], 3, axis=0)], 300),
    ],
    ids=["a repeated stream", "copies with noise", "mirrored pictures", "several inputs"],
)
def test_copies_are_found(X, groups):
    found = kinship(X)
    assert len(np.unique(found.groups)) == groups
    assert "copies of others" in found.text


@pytest.mark.parametrize(
    "X",
    [
        NOISE,
        RNG.integers(0, 2, (400, 2)),
        RNG.standard_normal((2000, 2)),
        SERIES[::20],
        np.linspace(-1, 1, 201)[:, None],
    ],
    ids=["noise", "a truth table", "two columns", "windows side by side", "one column"],
)
def test_rows_that_stand_for_themselves_have_no_kin(X):
    assert kinship(X) is None


@pytest.mark.parametrize("order", [np.arange(len(SERIES)), RNG.permutation(len(SERIES))], ids=["in order", "shuffled"])
def test_windows_of_one_series_are_laid_along_its_time(order):
    found = kinship(SERIES[order][..., None])
    assert found.span == 20
    place = np.empty(len(SERIES), dtype="int64")
    place[order] = found.positions
    assert np.array_equal(np.diff(place), np.ones(len(SERIES) - 1))


def test_windows_of_many_recordings_stay_with_their_recording():
    many = [np.lib.stride_tricks.sliding_window_view(RNG.standard_normal(60), 12) for _ in range(20)]
    found = kinship(np.concatenate(many))
    assert found.positions is None
    assert [len(np.unique(part)) for part in np.split(found.groups, 20)] == [1] * 20


def _sides(data):
    return [data.train, data.validation, data.holdout]


@pytest.mark.parametrize("given", [False, True], ids=["no validation rows", "the last fifth"])
def test_no_copy_of_a_row_stands_on_two_sides_of_a_search(given):
    X = np.concatenate([NOISE] * 4)[RNG.permutation(1200)]
    rows = Rows(X, (X[:, 0] > 0).astype("int64"))
    whole = (
        Dataset(rows.take(slice(0, 960)), rows.take(slice(960, None)), "binary")
        if given
        else Dataset(rows, None, "binary")
    )
    sides = [{row.tobytes() for row in side.X} for side in _sides(whole.for_search(0))]
    assert all(sides)
    assert all(one.isdisjoint(other) for one, other in combinations(sides, 2))


def test_overlapping_windows_are_parted_by_time_with_a_gap():
    y = RNG.integers(0, 2, len(SERIES))
    data = Dataset(Rows(SERIES, y), None, "binary").for_search(0)
    steps = [{float(v) for row in side.X for v in row} for side in _sides(data)]
    assert all(one.isdisjoint(other) for one, other in combinations(steps, 2))
    assert data.apart


def test_a_class_that_time_leaves_on_one_side_only_makes_nothing_provable():
    y = (np.arange(len(SERIES)) > 1500).astype("int64")
    data = Dataset(Rows(SERIES, y), None, "binary").for_search(0)
    assert not data.provable
    assert "a class is missing" in data.kin


def test_rows_that_are_copies_of_three_cannot_be_kept_apart_and_that_is_known():
    X = np.repeat(NOISE[:3], 40, axis=0)
    data = Dataset(Rows(X, np.arange(120) % 2), None, "binary").for_search(0)
    assert not data.provable
    assert len(data.holdout)


def test_in_the_order_of_time_what_is_set_aside_comes_last():
    when = RNG.permutation(300)
    data = Dataset(Rows(NOISE, RNG.standard_normal(300), order=when), None, "regression").for_search(0)
    assert data.train.order.max() < data.validation.order.min()
    assert data.validation.order.max() < data.holdout.order.min()


def test_a_forest_learns_nothing_from_copies_of_random_rows():
    X = np.concatenate([NOISE] * 10)
    y = np.concatenate([RNG.integers(0, 2, 300)] * 10)
    found = shallow_baseline(Rows(X, y), "binary")
    assert abs(found.score - 0.5) < 0.1


def test_copies_stand_on_one_side_of_a_split_along_time_too():
    rows = RNG.standard_normal((200, 6))
    twice = Rows(np.concatenate([rows, rows]), RNG.standard_normal(400), order=np.arange(400))
    data = Dataset(twice, None, "regression").for_search(0)
    aside = {row.tobytes() for row in data.holdout.X}
    assert not aside & {row.tobytes() for row in data.train.X}
    assert data.provable


def test_answers_from_one_to_five_are_no_windows():
    assert kinship(np.random.default_rng(3).integers(1, 6, (3000, 12))) is None


def test_long_windows_of_few_values_are_found_all_the_same():
    states = np.random.default_rng(4).integers(0, 4, 600)
    windows = np.lib.stride_tricks.sliding_window_view(states, 60)[::5]
    assert kinship(np.ascontiguousarray(windows)).positions is not None
