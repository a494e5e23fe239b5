"""Data too large to be copied: a bound of some kilobytes stands for the real one."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import remedy
from remedy.data import arrays, dataset
from remedy.data.dataset import Dataset
from remedy.data.fit_call import read_fit_call
from remedy.data.rows import Rows
from remedy.data.scores import class_ids
from remedy.errors import InvalidInput
from remedy.recipe.input_scaling import InputScaling, scaled
from remedy.recipe.recipe import Resampling
from remedy.remedies.batch_size import BatchSize
from remedy.remedies.oversampling import Oversampling
from remedy.remedies.shuffle_split import ShuffleSplit
from remedy.remedies.train_longer import TrainLonger
from remedy.testing import check_unchanged
from remedy.tracking import artifacts
from remedy.training import feed as feed_module
from remedy.training.feed import Feed, fit_model
from remedy.training.fit_recipe import fit_recipe

from .conftest import blobs, dense, stuck_run_of


def test_groups_and_times_are_kept_with_the_run_and_not_with_the_rows_that_others_share(store_run):
    X, y = blobs(rows=40)
    plain = Dataset(Rows(X[:30], y[:30]), Rows(X[30:], y[30:]), "multiclass")
    names, times = np.repeat(["ann", "bo", "cy"], 10), np.arange(40.0)
    for part in ("groups", "order"):
        told = {part: names if part == "groups" else times[:30]}
        apart = replace(plain, train=replace(plain.train, **told))
        assert artifacts.keep_data(store_run, apart, None)
        again = artifacts.load_data(store_run, plain.digest)
        np.testing.assert_array_equal(getattr(again.train, part), told[part])
        assert again.digest == plain.digest
        assert again.validation.groups is None


@pytest.fixture
def bound(monkeypatch):
    """Everything beyond 4 KB is large."""
    monkeypatch.setattr(arrays, "LARGE_BYTES", 4096)


@pytest.fixture
def mapped(tmp_path):
    """A function that gives an array back as a memory-mapped file."""

    def keep(array, name="X.npy"):
        np.save(tmp_path / name, array)
        return np.load(tmp_path / name, mmap_mode="r")

    return keep


def _numbered(rows):
    return np.arange(rows, dtype="float32")[:, None]


def _pass(feed):
    return np.concatenate([feed[i][0] for i in range(len(feed))])[:, 0].astype("int64")


def _weights(model):
    return np.concatenate([w.ravel() for w in model.get_weights()])


@pytest.mark.parametrize("on_disk", [False, True])
def test_every_row_comes_once_in_a_pass_and_in_a_new_order_in_the_next(mapped, monkeypatch, on_disk):
    monkeypatch.setattr(feed_module, "BLOCK_BYTES", 28)
    monkeypatch.setattr(feed_module, "POOL_BYTES", 400)
    X = mapped(_numbered(1003)) if on_disk else _numbered(1003)
    feed = Feed(X, X, batch_size=16, shuffle=True)
    first, second = _pass(feed), _pass(feed)
    assert sorted(first) == sorted(second) == list(range(1003))
    assert (first != second).mean() > 0.9
    assert abs(np.corrcoef(first, np.arange(1003))[0, 1]) < 0.2
    assert [len(feed[i][0]) for i in (0, len(feed) - 1)] == [16, 1003 % 16]


def test_the_order_follows_from_the_random_state():
    orders = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        orders.append(_pass(Feed(_numbered(200), _numbered(200), shuffle=True)).tolist())
    assert orders[0] == orders[1] != orders[2]


def test_blocks_of_a_file_are_read_together(mapped, monkeypatch):
    monkeypatch.setattr(feed_module, "BLOCK_BYTES", 40)
    monkeypatch.setattr(feed_module, "POOL_BYTES", 160)
    X = mapped(_numbered(1000))
    order = _pass(Feed(X, X, batch_size=20, shuffle=True))
    assert all(len(set((np.sort(order[i : i + 40]) - order.min()) // 10)) <= 9 for i in range(0, 1000, 40))


@pytest.mark.parametrize("weighted", ["rows", "classes"])
def test_large_rows_in_their_order_train_exactly_as_model_fit_does(bound, weighted):
    X, y = blobs(rows=300)
    more = {
        "rows": {"sample_weight": np.linspace(0, 2, 300).astype("float32")},
        "classes": {"class_weight": {1: 5.0, 2: 0.2}},
    }[weighted]
    options = {"epochs": 2, "batch_size": 32, "shuffle": False, "validation_split": 0.2, "verbose": 0, **more}
    theirs, ours = dense(), dense()
    theirs.run_eagerly = ours.run_eagerly = True  # Tracing takes longer than so few steps.
    given = pd.DataFrame(X) if weighted == "rows" else X.astype("float64")
    expected = theirs.fit(given, y, **options).history
    found = fit_model(ours, given, y, **options).history
    assert np.allclose(_weights(ours), _weights(theirs), atol=1e-6)
    assert found.keys() == expected.keys()
    assert all(np.allclose(found[k], expected[k], atol=1e-5) for k in expected)


def test_several_inputs_and_outputs_are_fed_as_keras_takes_them(bound):
    X, y = blobs(rows=300)
    inputs = [keras.Input((3,)), keras.Input((3,))]
    joined = keras.layers.Concatenate()(inputs)
    heads = [keras.layers.Dense(3, activation="softmax", name="a")(joined), keras.layers.Dense(1, name="b")(joined)]
    model = keras.Model(inputs, heads)
    model.compile("sgd", ["categorical_crossentropy", "mse"])
    parts, targets, weight = [X[:, :3], X[:, 3:]], [y, X[:, :1]], np.ones(300, "float32")
    held = ([a[:50] for a in parts], [a[:50] for a in targets])
    found = fit_model(model, parts, targets, sample_weight=weight, validation_data=held, epochs=2, verbose=0).history
    assert found["val_loss"][1] < found["val_loss"][0]


def test_small_arrays_are_handed_to_keras_as_they_are(monkeypatch):
    X, y = blobs(rows=60)
    seen = []
    monkeypatch.setattr(feed_module, "Feed", lambda *_, **__: seen.append(1))
    fit_model(dense(), X, y, epochs=1, verbose=0)
    assert not seen


def test_a_split_of_large_data_makes_views(bound):
    X, y = blobs(rows=400)
    call = read_fit_call(dense(), X, y, {"validation_split": 0.25})
    assert np.shares_memory(call.dataset.train.X, X)
    assert np.shares_memory(call.dataset.validation.X, X)
    assert (len(call.dataset.train), len(call.dataset.validation)) == (300, 100)


def test_a_split_by_groups_that_would_copy_large_data_is_refused(bound):
    X, y = blobs(rows=400)
    with pytest.raises(InvalidInput, match="validation_data="):
        remedy.fit(dense(), X, y, validation_split=0.2, groups=np.arange(400) // 4)


def test_a_search_on_large_data_works_on_a_sample_with_every_class_and_no_row_twice(bound, monkeypatch):
    monkeypatch.setattr(dataset, "SEARCH_ROWS", 400)
    X, y = blobs(rows=8000, shares=[0.9, 0.097, 0.003])
    _, data = stuck_run_of(dense(), X, y)
    found = data.for_search(0)
    parts = [found.train, found.validation, found.holdout]
    assert sum(map(len, parts)) <= 540
    assert all(set(class_ids(part.y)) == {0, 1, 2} for part in parts[::2])
    seen = np.concatenate([part.X for part in parts])
    assert len(np.unique(seen, axis=0)) == len(seen)
    assert data.for_search(0).digest == found.digest != data.for_search(1).digest


def test_the_groups_of_a_sample_stay_on_one_side(bound, monkeypatch):
    monkeypatch.setattr(dataset, "SEARCH_ROWS", 600)
    X, y = blobs(rows=6000)
    found = Dataset(Rows(X, y, None, np.arange(6000) // 60), None, "multiclass").for_search(0)
    sides = [set(part.groups) for part in (found.train, found.validation, found.holdout)]
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_a_sample_never_takes_more_than_an_eighth_of_the_bytes(bound):
    X, y = blobs(rows=4000)
    found = Dataset(Rows(X, y), None, "multiclass").for_search(0)
    assert sum(arrays.nbytes(part.X) for part in (found.train, found.validation, found.holdout)) <= X.nbytes / 8


def test_spread_rows_do_not_fall_in_with_a_period():
    ids = np.arange(100_000) % 10
    counts = np.bincount(ids[arrays.spread(100_000, 1000)], minlength=10)
    assert counts.min() > 60


def test_equal_large_arrays_have_equal_digests_and_a_change_at_either_end_is_seen(bound, mapped):
    big = np.random.default_rng(0).normal(size=(4000, 3))
    assert arrays.digest(big) == arrays.digest(mapped(big))
    for row in (0, -1):
        other = big.copy()
        other[row] += 1
        assert arrays.digest(other) != arrays.digest(big)


def test_of_a_large_array_only_a_fixed_number_of_bytes_is_hashed(bound, monkeypatch):
    monkeypatch.setattr(arrays, "_HASHED_BYTES", 240)
    big = np.zeros((40_000, 3))
    changed = big.copy()
    changed[15:600] += 1
    assert arrays.digest(big) == arrays.digest(changed)


def test_scaling_of_large_rows_is_measured_on_a_sample(bound, monkeypatch):
    monkeypatch.setattr("remedy.recipe.input_scaling.SAMPLE_BYTES", 1 << 14)
    X = np.random.default_rng(0).normal(50, 10, size=(20_000, 6)).astype("float32")
    recipe, data = stuck_run_of(dense(), X, np.eye(3)[np.arange(20_000) % 3])
    built = scaled(recipe.architecture, InputScaling("standard"), data)
    mean = next(iter(built.layers("Normalization")))["config"]["mean"]
    assert np.allclose(mean, 50, atol=2)
    assert not np.allclose(mean, data.train.X.mean(0, dtype="float64"), atol=1e-6)


def test_what_would_copy_or_prolong_large_data_is_not_applicable(bound):
    X, y = blobs(rows=1000, shares=[0.8, 0.15, 0.05])
    recipe, data = stuck_run_of(dense(), X, y, batch_size=128)
    for remedy_, dose in (
        (ShuffleSplit(), {}),
        (TrainLonger(), {"factor": 3}),
        (BatchSize(), {"rows": 32}),
        (Oversampling(), {"kind": "smote"}),
    ):
        check_unchanged(remedy_, recipe, data, **dose)
        check_unchanged(remedy_, recipe, data.for_search(0), **dose)


def test_oversampling_of_large_data_draws_rows_by_number(bound):
    X, y = blobs(rows=400, shares=[0.9, 0.06, 0.04])
    recipe, data = stuck_run_of(dense(), X, y, shuffle=True)
    recipe = recipe.replace(resampling=Resampling("random"), epochs=8)
    model = recipe.build(data, 0)
    fit_recipe(model, recipe, data, 0, 0, 8, [])
    assert set(class_ids(model.predict(data.validation.X, verbose=0))) == {0, 1, 2}


def test_large_data_is_kept_with_a_run_only_when_asked_for(bound, store_run):
    X, y = blobs(rows=400)
    data = Dataset(Rows(X, y), None, "multiclass")
    assert not artifacts.keep_data(store_run, data, None)
    assert artifacts.load_data(store_run, data.digest) is None
    assert artifacts.keep_data(store_run, data, True)
    assert artifacts.load_data(store_run, data.digest).digest == data.digest
    assert [path.suffix for path in Path("mlruns/artifacts/data").iterdir()] == [".npz"], "no half-written file is left"


@pytest.fixture
def store_run(store):
    from remedy.tracking.opening import open_run

    with open_run("kept", None, None) as run:
        yield run.run_id


@pytest.mark.slow
def test_a_stuck_training_on_a_memory_mapped_file_is_fixed_without_reading_it_whole(bound, store, mapped, monkeypatch):
    monkeypatch.setattr(dataset, "SEARCH_ROWS", 600)
    X, y = blobs(rows=6000, scale=300.0, shift=5000.0)
    copied = []
    take = Rows.take
    monkeypatch.setattr(
        Rows,
        "take",
        lambda rows, index: copied.append(0 if isinstance(index, slice) else len(index)) or take(rows, index),
    )
    model = dense(optimizer=keras.optimizers.SGD(0.01))
    options = {"epochs": 8, "batch_size": 64, "validation_split": 0.2, "verbose": 0, "remedies": ["scale-inputs"]}
    search = remedy.Search(trials=2, timeout=60)
    found = remedy.fit(model, mapped(X), mapped(y, "y.npy"), search=search, **options)
    assert found.stuck
    assert found.fix is not None
    assert "proven by training on 4" in found.conclusion
    assert max(copied) <= 1500, "no more than a shallow model is shown"
    assert (found.fix.model.predict(X[-1200:], verbose=0).argmax(1) == y[-1200:].argmax(1)).mean() > 0.8
