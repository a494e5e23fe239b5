"""What the arrays alone say of inputs, targets, and rows on both sides."""

import tracemalloc
import warnings
from dataclasses import fields

import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.evidence import data_facts
from remedy.evidence.data_facts import FACT_ROWS, input_facts, overlap, target_facts
from remedy.evidence.evidence import OutputFacts
from remedy.evidence.static import prior_loss, static_evidence
from remedy.recipe.recipe import Recipe

from .conftest import blobs, dense, stuck_run_of

RNG = np.random.default_rng(0)
TABLE = RNG.standard_normal((400, 5)).astype("float32")


@pytest.fixture(autouse=True)
def _silence_is_kept():
    """Whatever the values: nothing of NumPy's own reaches the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def only(X, **options):
    (facts,) = input_facts(X, **options)
    return facts


def test_an_input_is_measured():
    found = only(3 * TABLE + 7)
    assert (found.name, found.shape, found.columns) == ("input", (5,), 5)
    assert found.mean == pytest.approx(float((3 * TABLE + 7).mean()), rel=1e-5)
    assert found.std == pytest.approx(float((3 * TABLE).std()), rel=1e-5)
    assert (found.minimum, found.maximum) == pytest.approx((3 * TABLE.min() + 7, 3 * TABLE.max() + 7), rel=1e-5)
    assert found.median == pytest.approx(float(np.median(np.abs(3 * TABLE + 7))), rel=1e-5)
    assert (found.integers, found.ids, found.nonfinite, found.constant) == (False, False, 0, 0)
    assert found.row_shift is None


def test_inputs_are_named_by_their_key_by_the_model_or_by_their_place():
    assert [f.name for f in input_facts({"b": TABLE, "a": TABLE})] == ["a", "b"]
    assert [f.name for f in input_facts([TABLE, TABLE], ["left", "right"])] == ["left", "right"]
    assert [f.name for f in input_facts([TABLE, TABLE], ["left"])] == ["0", "1"]
    assert [f.ids for f in input_facts([TABLE, TABLE], ["left", "right"], {"right": True})] == [False, True]


def test_constant_columns_are_counted():
    X = TABLE.copy()
    X[:, 1], X[:, 4] = 3.5, np.nan
    found = only(X)
    assert (found.columns, found.constant) == (5, 2)
    assert only(np.ones((50, 4, 3))).constant == 3


def test_a_column_that_varies_in_one_row_is_not_constant():
    X = np.ones((200, 3))
    X[7, 1] = 2
    assert only(X).constant == 2


def test_a_wild_column_stands_out_from_the_median_column():
    X = TABLE.copy()
    X[:, 2] *= 1000
    found = only(X)
    assert found.largest_std == pytest.approx(float(X[:, 2].std()), rel=1e-5)
    assert found.median_std == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_holes_are_counted_and_left_out(dtype):
    X = TABLE.astype(dtype)
    X[:7, 1], X[3, 0], X[4, 0] = np.nan, np.inf, -np.inf
    found = only(X)
    assert found.nonfinite == 9
    assert np.isfinite([found.mean, found.std, found.minimum, found.maximum, found.largest_std]).all()
    assert found.mean == pytest.approx(0.0, abs=0.1)


def test_holes_are_counted_in_all_rows_also_where_statistics_take_a_sample():
    X = np.zeros((3 * FACT_ROWS + 1, 2), "float32")
    X[1::3] = np.nan
    assert only(X).nonfinite == int(np.isnan(X).sum())


def test_an_input_of_holes_alone_is_a_fact_too():
    found = only(np.full((30, 2), np.nan))
    assert (found.nonfinite, found.mean, found.std) == (60, 0.0, 0.0)


def test_huge_values_and_empty_rows_are_no_failure():
    assert only(TABLE.astype("float64") * 1e300).maximum > 1e299
    signals = np.where(np.arange(400)[:, None, None] < 5, np.nan, TABLE[..., None])
    assert only(signals).nonfinite == 25
    assert only(np.zeros((30, 0))).std == 0.0
    assert only(TABLE[:1]).constant == 5


def test_whole_numbers_are_known_in_any_type():
    for values in (RNG.integers(0, 9, (50, 3)), RNG.integers(0, 9, (50, 3)).astype("float32"), TABLE > 0):
        assert only(values).integers
    assert not only(TABLE).integers


def test_a_vector_is_an_input_of_one_column():
    found = only(TABLE[:, 0])
    assert (found.shape, found.columns) == ((), 1)


def test_rows_with_a_baseline_of_their_own_shift():
    signals = RNG.standard_normal((200, 50, 2))
    assert only(signals).row_shift < 0.3
    assert only(signals + 10 * RNG.standard_normal((200, 1, 1))).row_shift > 5


def test_a_memory_mapped_array_is_measured_and_never_copied_as_a_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(data_facts, "FACT_VALUES", 160_000)
    shape = (200_000, 40)
    mapped = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", "float32", shape)
    mapped[:] = np.linspace(-1, 1, shape[1], dtype="float32")
    mapped[-1, 0] = np.nan
    mapped.flush()
    read = np.load(tmp_path / "big.npy", mmap_mode="r")
    tracemalloc.start()
    found = only(read)
    highest = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found.nonfinite, found.constant) == (1, 40)
    assert found.std == pytest.approx(float(np.linspace(-1, 1, shape[1]).std()), rel=1e-2)
    assert highest < read.nbytes / 2


def test_targets_are_measured_into_fields_of_their_record():
    values = 5 * TABLE[:, 0].astype("float64") + 100
    found = target_facts(values, values[:50] + 10)
    assert set(found) <= {f.name for f in fields(OutputFacts)}
    assert (found["shape"], found["integers"], found["one_hot"], found["row_sums"]) == ((), False, False, None)
    assert (found["mean"], found["std"]) == pytest.approx((values.mean(), values.std()))
    assert (found["minimum"], found["maximum"]) == (values.min(), values.max())
    assert found["distinct"] == 400
    assert found["changes"] is None
    assert found["validation_mean"] == pytest.approx(values[:50].mean() + 10)


def test_one_hot_rows_are_known_by_their_sums():
    ids = RNG.integers(0, 4, 300)
    for dtype in ("float32", "int64", "bool"):
        found = target_facts(np.eye(4)[ids].astype(dtype))
        assert (found["one_hot"], found["row_sums"], found["shape"]) == (True, (1.0, 1.0), (4,))
        assert (found["integers"], found["distinct"]) == (True, 2)


def test_labels_of_several_classes_a_row_are_not_one_hot():
    found = target_facts((TABLE > 0).astype("float32"))
    assert not found["one_hot"]
    assert found["row_sums"] == (float((TABLE > 0).sum(1).min()), float((TABLE > 0).sum(1).max()))


def test_sparse_ids_are_whole_numbers_of_few_values():
    for y in (RNG.integers(0, 4, 300), RNG.integers(0, 4, (300, 1))):
        found = target_facts(y)
        assert (found["integers"], found["distinct"], found["one_hot"]) == (True, 4, False)
        assert (found["minimum"], found["maximum"]) == (0.0, 3.0)


def test_sequences_of_labels_are_measured_over_all_steps():
    ids = RNG.integers(0, 6, (200, 9))
    assert target_facts(ids)["shape"] == (9,)
    assert target_facts(ids)["distinct"] == 6
    one_hot = target_facts(np.eye(6)[ids])
    assert (one_hot["shape"], one_hot["one_hot"]) == ((9, 6), True)


def test_fractions_are_no_classes():
    shares = RNG.dirichlet(np.ones(3), 200)
    found = target_facts(shares)
    assert (found["integers"], found["one_hot"]) == (False, False)
    assert found["row_sums"] == pytest.approx((1.0, 1.0))


def test_a_label_that_the_loss_ignores_is_left_out():
    y = RNG.integers(0, 3, (200, 5))
    y[:, 3:] = -1
    assert (target_facts(y)["minimum"], target_facts(y)["distinct"]) == (-1.0, 4)
    left = target_facts(y, y[:50], ignored=-1)
    assert (left["minimum"], left["maximum"], left["distinct"]) == (0.0, 2.0, 3)
    assert left["validation_mean"] == pytest.approx(y[:50, :3].mean())


def test_a_target_whose_labels_are_all_ignored_has_no_holes():
    assert target_facts(np.full(30, -1), ignored=-1)["nonfinite"] == 0


def test_holes_in_a_target_are_counted():
    y = TABLE[:, 0].copy()
    y[:4], y[5] = np.nan, np.inf
    assert target_facts(y, np.array([np.nan, 2.0, np.inf]))["nonfinite"] == 5
    assert target_facts(y, np.array([np.nan, 2.0, np.inf]))["validation_mean"] == 2.0
    assert "validation_mean" not in target_facts(y, np.full(3, np.nan))
    assert target_facts(np.full(7, np.nan)) == {"shape": (), "nonfinite": 7, "integers": False, "distinct": 0}


def test_sorted_rows_hardly_ever_change_their_label():
    ids = RNG.integers(0, 3, 600)
    for coded in (lambda y: y, lambda y: y[:, None], lambda y: np.eye(3)[y]):
        assert target_facts(coded(np.sort(ids)))["changes"] < 0.02
        assert target_facts(coded(ids))["changes"] == pytest.approx(1.0, abs=0.1)
    assert target_facts(np.tile([0, 1], 300))["changes"] > 1.9


def test_few_rows_and_one_class_say_nothing_of_their_order():
    assert target_facts(np.arange(10) % 2)["changes"] is None
    assert target_facts(np.zeros(100))["changes"] is None


def test_many_values_are_counted_up_to_a_bound():
    assert target_facts(np.arange(5000.0))["distinct"] == data_facts.DISTINCT


def held(X, **changes):
    return Rows(X, np.zeros(len(X)), **changes)


def test_rows_that_stand_on_both_sides_are_counted():
    assert overlap(held(TABLE[:300]), held(TABLE[300:])) == 0.0
    assert overlap(held(TABLE[:300]), held(TABLE[270:310])) == 0.75
    assert overlap(held(TABLE), held(TABLE[::-1])) == 1.0


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint16"])
def test_equal_rows_of_another_type_are_equal(dtype):
    whole = RNG.integers(0, 50, (100, 4))
    assert overlap(held(whole.astype("float32")), held(whole[:20].astype(dtype))) == 1.0


def test_thirds_are_equal_in_single_and_double_precision():
    thirds = np.arange(1, 101)[:, None] / 3
    assert overlap(held(thirds), held(thirds[:10].astype("float32"))) == 1.0


def test_zero_has_no_sign():
    assert overlap(held(np.zeros((5, 2))), held(np.full((5, 2), -0.0))) == 1.0


def test_numbers_that_single_precision_cannot_tell_apart_are_no_equal_rows():
    seconds = 1_600_000_000 + np.arange(0, 400, 2)[:, None]
    assert overlap(held(seconds), held(seconds[:50] + 1)) == 0.0
    assert overlap(held(seconds.astype("float64")), held(seconds[:50].astype("float64") + 1)) == 0.0
    assert overlap(held(seconds), held(seconds[:50])) == 1.0


def test_all_inputs_of_a_row_must_be_equal():
    train, other = {"a": TABLE, "b": TABLE[:, :2]}, {"a": TABLE[:40], "b": TABLE[:40, :2] + 1}
    assert overlap(held(train["a"]), held(other["a"])) == 1.0
    assert overlap(Rows(train, np.zeros(400)), Rows(other, np.zeros(40))) == 0.0
    assert overlap(Rows(train, np.zeros(400)), Rows({**other, "b": TABLE[:40, :2]}, np.zeros(40))) == 1.0


def test_arrays_that_are_too_large_are_not_compared(monkeypatch):
    monkeypatch.setattr(data_facts, "OVERLAP_BYTES", TABLE.nbytes)
    assert overlap(held(TABLE), held(TABLE[:10])) is None


def test_the_evidence_holds_both_sides():
    X, y = blobs(rows=400)
    evidence = static_evidence(*stuck_run_of(dense(), X, y))
    (train,), (validation,) = evidence.inputs, evidence.validation_inputs
    assert (train.mean, validation.mean) == pytest.approx((X[:320].mean(), X[320:].mean()), abs=1e-5)
    assert (evidence.n_train, evidence.n_validation, evidence.validation_overlap) == (320, 80, 0.0)
    assert sum(evidence.class_counts.values()) == 320
    assert sum(evidence.validation_counts.values()) == 80
    (output,) = evidence.outputs
    assert (output.units, output.activation, output.one_hot) == (3, "softmax", True)


def test_an_input_that_the_model_scales_or_looks_up_is_marked():
    words, table = keras.Input((4,), name="words"), keras.Input((5,), name="table")
    joined = layers.Concatenate()([layers.Flatten()(layers.Embedding(9, 2)(words)), layers.Rescaling(0.1)(table)])
    model = keras.Model({"words": words, "table": table}, layers.Dense(3, activation="softmax")(joined))
    model.compile("adam", "categorical_crossentropy")
    X = {"words": RNG.integers(0, 9, (400, 4)), "table": TABLE}
    y = np.eye(3)[RNG.integers(0, 3, 400)]
    data = Dataset(Rows(X, y), None, "multiclass")
    found = {facts.name: facts for facts in static_evidence(Recipe.from_model(model, {}), data).inputs}
    assert (found["words"].ids, found["table"].ids) == (True, False)
    assert (found["words"].normalized_inside, found["table"].normalized_inside) == (False, True)


@pytest.mark.parametrize(
    ("loss", "y", "task", "expected"),
    [
        ("categorical_crossentropy", np.eye(4)[np.arange(400) % 4], "multiclass", np.log(4)),
        ("sparse_categorical_crossentropy", np.arange(400) % 4, "multiclass", np.log(4)),
        ("binary_crossentropy", np.arange(400) % 2, "binary", np.log(2)),
        ("binary_crossentropy", (np.arange(400) % 10 == 0).astype(float), "binary", 0.325083),
        ("mse", TABLE[:, :1], "regression", float(TABLE[:, 0].var())),
        ("mae", np.arange(400.0), "regression", 100.0),
        ("hinge", np.arange(400) % 2, "binary", None),
    ],
)
def test_the_loss_of_the_best_constant_answer_is_known(loss, y, task, expected):
    model = dense(columns=5)
    model.compile("adam", loss)
    found = prior_loss(Recipe.from_model(model, {}), Dataset(Rows(TABLE, y), None, task))
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-4))


def test_a_class_of_weight_zero_costs_nothing():
    model = dense(columns=5)
    recipe = Recipe.from_model(model, {"class_weight": {0: 1.0, 1: 0.0, 2: 1.0}})
    y = np.eye(3)[np.arange(399) % 3]
    found = prior_loss(recipe, Dataset(Rows(TABLE[:399], y), None, "multiclass"))
    assert found == pytest.approx(2 / 3 * np.log(2))


def test_smoothed_labels_cost_a_constant_answer_the_entropy_of_their_shares():
    y = 0.9 * np.eye(4)[np.arange(400) % 4] + 0.025
    model = keras.Sequential([keras.Input((TABLE.shape[1],)), layers.Dense(4, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    found = prior_loss(Recipe.from_model(model, {}), Dataset(Rows(TABLE[:400], y), None, "regression"))
    assert found == pytest.approx(np.log(4))


@pytest.mark.parametrize(
    ("loss", "weights"), [(keras.losses.MeanSquaredError(reduction="sum"), None), ("mse", np.full(400, 50.0))]
)
def test_what_a_constant_answer_costs_is_unknown_where_the_logged_loss_is_no_mean_over_rows(loss, weights):
    model = keras.Sequential([keras.Input((TABLE.shape[1],)), layers.Dense(1)])
    model.compile("adam", loss)
    y = np.arange(400.0).reshape(-1, 1)
    data = Dataset(Rows(TABLE[:400], y, weights), None, "regression")
    assert prior_loss(Recipe.from_model(model, {}), data) is None


def test_no_channel_of_long_signals_is_left_out_and_every_other_pixel_of_large_pictures_is():
    rows = np.zeros((20, 40_000, 2), "float32")
    rows[..., 1] = np.random.default_rng(0).normal(5, 2, rows.shape[:2])
    (facts,) = input_facts(rows)
    assert facts.columns == 2
    assert facts.constant == 1
    assert facts.maximum > 5
    photos = np.random.default_rng(0).integers(0, 256, (20, 160, 160, 3)).astype("uint8")
    (seen,) = input_facts(photos)
    assert (seen.columns, seen.minimum, seen.maximum) == (3, 0.0, 255.0)
