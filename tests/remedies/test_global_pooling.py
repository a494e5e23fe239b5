import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe
from remedy.remedies.global_pooling import GlobalPooling
from remedy.testing import check_patch, check_rewritten, check_saved, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def _stuck_run(model, *shape):
    model.compile("adam", "categorical_crossentropy")
    X = np.random.default_rng(0).standard_normal((60, *shape)).astype("float32")
    return stuck_run_of(model, X, np.eye(3, dtype="float32")[np.arange(60) % 3])


def _photos():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def test_a_flatten_behind_convolutions_becomes_the_mean_of_every_map():
    recipe, data = _stuck_run(_photos(), 8, 8, 1)
    changed = check_rewritten(GlobalPooling(), recipe, data, kind="average")
    check_patch(GlobalPooling(), recipe, data, kind="average")
    check_saved(changed, data)
    assert GlobalPooling().describe(recipe, changed) == ("Flatten", "GlobalAveragePooling2D")
    assert [w.shape for w in changed.build(data, 0).layers[-1].weights] == [(4, 3), (3,)]


def test_two_branches_of_signals_become_their_maxima():
    inputs = [keras.Input((20, 1)), keras.Input((12, 2))]
    flat = [layers.Flatten()(layers.Conv1D(4, 3, activation="relu")(x)) for x in inputs]
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Concatenate()(flat)))
    model.compile("adam", "categorical_crossentropy")
    rng = np.random.default_rng(0)
    X = [rng.standard_normal((60, *x.shape[1:])).astype("float32") for x in inputs]
    y = np.eye(3, dtype="float32")[np.arange(60) % 3]
    data = Dataset(Rows([x[:48] for x in X], y[:48]), Rows([x[48:] for x in X], y[48:]), "multiclass")
    recipe = Recipe.from_model(model, {"epochs": 2, "batch_size": 32})
    changed = check_rewritten(GlobalPooling(), recipe, data, kind="max")
    check_patch(GlobalPooling(), recipe, data, kind="max")
    assert len(list(changed.architecture.layers("GlobalMaxPooling1D"))) == 2


def test_a_flatten_that_reads_no_feature_maps_stays():
    check_unchanged(GlobalPooling(), *stuck_run_of(dense(), *blobs()), kind="average")
    plain = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    check_unchanged(GlobalPooling(), *_stuck_run(plain, 8, 8, 1), kind="average")
