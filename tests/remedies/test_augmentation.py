import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.augmentation import Augmentation
from remedy.testing import check_rewritten, check_saved, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def _program(shape):
    keras.utils.set_random_seed(0)
    X = np.random.default_rng(0).random((40, *shape)).astype("float32")
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return Recipe.from_model(model, {"epochs": 1}), Dataset(Rows(X, np.arange(40) % 2), None, "binary")


@pytest.mark.parametrize(
    ("shape", "kind"), [((8, 8, 3), "shift"), ((8, 8, 3), "affine"), ((8, 8, 3), "flip"), ((30, 2), "shift"), ((6,), "noise")]
)  # fmt: skip
def test_rows_differ_in_training_and_stay_as_they_are_in_prediction(shape, kind):
    recipe, data = _program(shape)
    changed = check_rewritten(Augmentation(), recipe, data, kind=kind)
    model, plain = changed.build(data, 0), recipe.build(data, 0)
    plain.set_weights([w for w in model.get_weights() if w.ndim])
    X = data.train.X
    np.testing.assert_allclose(np.asarray(model(X, training=False)), np.asarray(plain(X)), atol=1e-6)
    assert np.abs(np.asarray(model(X, training=True)) - np.asarray(model(X, training=False))).max() > 1e-3
    check_saved(changed, data)


def test_tables_are_not_turned_and_unscaled_ones_not_disturbed():
    check_unchanged(Augmentation(), *_program((6,)), kind="affine")
    check_unchanged(Augmentation(), *stuck_run_of(dense(), *blobs(scale=1000.0)), kind="noise")
