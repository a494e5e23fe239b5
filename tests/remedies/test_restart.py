import keras
import numpy as np
from keras import layers

from remedy.remedies.restart import Restart
from remedy.testing import check_rewritten, check_unchanged
from remedy.training.fit_recipe import fit_recipe

from ..conftest import blobs, dense, stuck_run_of


def test_a_net_that_dies_from_some_starts_begins_from_a_live_one():
    def program():
        keras.utils.set_random_seed(0)
        wide = keras.initializers.RandomUniform(-1.0, 0.3)
        model = keras.Sequential(
            [keras.Input((6,)), layers.Dense(2, "relu", kernel_initializer=wide), layers.Dense(3, "softmax")]
        )
        model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
        X, y = blobs()
        return stuck_run_of(model, np.abs(X), y)

    recipe, data = program()
    changed = check_rewritten(Restart(), recipe, data, train=False, starts=5)
    one, best = (
        [fit_recipe(r.build(data, seed), r, data, seed, 0, 1, []).history["loss"][-1] for seed in range(3)]
        for r in (recipe, changed)
    )
    assert np.mean(best) < np.mean(one)


def test_as_many_starts_are_left_as_they_are():
    recipe, data = stuck_run_of(dense(), *blobs())
    check_unchanged(Restart(), recipe.replace(restarts=5), data, starts=3)
