import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.remap_labels import RemapLabels
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense

IDS = np.random.default_rng(0).integers(0, 3, 120)
X = np.random.default_rng(1).standard_normal((120, 4)).astype("float32")


def _program(y, units, activation, loss):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(units, activation)])
    model.compile("adam", loss)
    return Recipe.from_model(model, {"epochs": 2, "batch_size": 16}), Dataset(Rows(X, y), None, "multiclass")


def test_labels_that_count_from_one_are_counted_from_zero():
    recipe, data = _program(IDS + 1, 3, "softmax", "sparse_categorical_crossentropy")
    changed = check_rewritten(RemapLabels(), recipe, data, train=False)
    assert set(np.unique(changed.coded(data.train).y)) == {0, 1, 2}
    check_patch(RemapLabels(), recipe, data)


def test_it_leaves_right_labels_and_wrong_heads_alone():
    check_unchanged(RemapLabels(), *_program(IDS, 3, "softmax", "sparse_categorical_crossentropy"))
    check_unchanged(RemapLabels(), *_program(IDS + 1, 1, "sigmoid", "binary_crossentropy"))


def test_weights_of_classes_go_with_their_labels():
    X, y = blobs(rows=90, classes=2)
    model = dense(classes=2)
    model.compile("adam", "sparse_categorical_crossentropy")
    recipe = Recipe.from_model(model, {"class_weight": {1: 0.5, 2: 5.0}})
    data = Dataset(Rows(X, 1 + y.argmax(-1)), None, "binary")
    assert RemapLabels().apply(recipe, data).class_weight == {0: 0.5, 1: 5.0}
    space = {"np": np, "fit": {"class_weight": {1: 0.5, 2: 5.0}}, "y_train": data.train.y}
    exec(RemapLabels().patch(recipe, data), space)
    assert space["fit"]["class_weight"] == {0: 0.5, 1: 5.0}
    assert space["y_train"].tolist() == y.argmax(-1).tolist()
