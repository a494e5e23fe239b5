import keras
import numpy as np
import pytest
from keras import layers

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
