import time

import keras
import numpy as np
import pytest
from keras import layers

from remedy.recipe.architecture import Architecture
from remedy.remedies._layers import tied
from remedy.remedies.simplify_architecture import SimplifyArchitecture
from remedy.remedies.widen_architecture import WidenArchitecture
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def test_hidden_layers_get_wider_and_none_stays_a_bottleneck():
    recipe, data = stuck_run_of(dense(widths=(2, 32)), *blobs())
    changed = check_rewritten(WidenArchitecture(), recipe, data, train=False, factor=2)
    assert [la["config"]["units"] for la in changed.architecture.layers("Dense")] == [16, 64, 3]
    check_patch(WidenArchitecture(), recipe, data, factor=2)


def test_a_net_without_hidden_layers_or_a_wide_one_is_left_as_it_is():
    check_unchanged(WidenArchitecture(), *stuck_run_of(dense(widths=()), *blobs()), factor=2)
    check_unchanged(WidenArchitecture(), *stuck_run_of(dense(widths=(512,)), *blobs()), factor=2)


@pytest.mark.parametrize("both_ways", [False, True])
def test_recurrent_layers_get_wider_too(both_ways):
    cell = layers.LSTM(1)
    first = layers.Bidirectional(cell) if both_ways else cell
    model = keras.Sequential([keras.Input((3, 1)), first, layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    X = np.random.default_rng(0).normal(size=(80, 3, 1)).astype("float32")
    recipe, data = stuck_run_of(model, X, (X[:, 0, 0] > 0).astype("float32"))
    changed = check_rewritten(WidenArchitecture(), recipe, data, factor=2)
    assert {la["config"]["units"] for la in changed.architecture.layers("LSTM")} == {16}
    check_patch(WidenArchitecture(), recipe, data, factor=2)


def transformer():
    rows = keras.Input((10, 8))
    attended = layers.MultiHeadAttention(2, 4)(rows, rows, use_causal_mask=True)
    first = layers.LayerNormalization()(layers.Add()([rows, attended]))
    inner = layers.Dense(16, activation="relu", name="inner")(first)
    second = layers.LayerNormalization()(first + layers.Dense(8, name="back")(inner))
    dense = layers.Dense(12, activation="relu", name="behind")(layers.GlobalAveragePooling1D()(second))
    model = keras.Model(rows, layers.Dense(3, activation="softmax")(dense))
    model.compile("adam", "categorical_crossentropy")
    return model


def residual():
    rows = keras.Input((12, 2))
    stem = layers.Conv1D(8, 3, padding="same", activation="relu", name="stem")(rows)
    block = layers.BatchNormalization()(layers.Conv1D(8, 3, padding="same", name="block")(stem))
    out = layers.GlobalAveragePooling1D()(layers.ReLU()(layers.Add()([stem, block])))
    model = keras.Model(rows, layers.Dense(3, activation="softmax")(out))
    model.compile("adam", "categorical_crossentropy")
    return model


@pytest.mark.parametrize("remedy", [WidenArchitecture(), SimplifyArchitecture()])
@pytest.mark.parametrize(
    ("build", "shape", "moved"),
    [(transformer, (10, 8), {"inner", "behind"}), (residual, (12, 2), {"stem", "block"})],
)
def test_widths_that_a_sum_ties_to_something_else_stay_and_those_of_a_stack_move_together(remedy, build, shape, moved):
    keras.utils.set_random_seed(0)
    X = np.random.default_rng(0).normal(size=(60, *shape)).astype("float32")
    recipe, data = stuck_run_of(build(), X, np.eye(3, dtype="float32")[np.arange(60) % 3])
    dose = {"factor": 2} if remedy.name == "widen-architecture" else {"width": 0.5, "blocks": 0, "stem": 1}
    changed = check_rewritten(remedy, recipe, data, **dose)
    check_patch(remedy, recipe, data, **dose)
    widths = [
        {e["config"]["name"]: e["config"].get("units", e["config"].get("filters")) for e in r.architecture.layers()}
        for r in (recipe, changed)
    ]
    assert {name for name in widths[0] if widths[0][name] != widths[1].get(name)} == moved


def test_recurrent_layers_that_are_summed_widen_together_and_a_deep_transformer_is_read_at_once():
    rows = keras.Input((6, 4))
    first = layers.LSTM(8, return_sequences=True)(rows)
    summed = layers.Add()([layers.LSTM(8)(first), layers.LSTM(8)(rows)])
    model = keras.Model(rows, layers.Dense(3, activation="softmax")(summed))
    model.compile("adam", "categorical_crossentropy")
    X = np.random.default_rng(0).normal(size=(60, 6, 4)).astype("float32")
    recipe, data = stuck_run_of(model, X, np.eye(3, dtype="float32")[np.arange(60) % 3])
    changed = check_rewritten(WidenArchitecture(), recipe, data, train=False, factor=2)
    assert {e["config"]["units"] for e in changed.architecture.layers("LSTM")} == {16}
    deep = rows
    for _ in range(24):
        deep = layers.Add()([deep, layers.MultiHeadAttention(1, 2)(layers.LayerNormalization()(deep), deep)])
    last = layers.Dense(3, activation="softmax")(layers.Dense(8)(layers.GlobalAveragePooling1D()(deep)))
    began = time.process_time()
    model = keras.Model(rows, last)
    assert tied(Architecture(keras.saving.serialize_keras_object(model))) == {model.layers[0].name}
    assert time.process_time() - began < 5
