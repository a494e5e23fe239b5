import keras
import numpy as np
from keras import layers

from remedy.remedies.initializer import Initializer
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, stuck_run_of


def _program(kernel, bias="zeros", hidden="relu"):
    keras.utils.set_random_seed(0)
    given = {"kernel_initializer": kernel, "bias_initializer": bias}
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, hidden, **given), layers.Dense(3, "softmax", **given)])
    model.compile("adam", "categorical_crossentropy")
    return stuck_run_of(model, *blobs())


def test_kernels_are_drawn_anew_and_biases_start_at_zero():
    recipe, data = _program(keras.initializers.RandomNormal(stddev=5.0, seed=1), bias=keras.initializers.Constant(-9.0))
    changed = check_rewritten(Initializer(), recipe, data, train=False, kind="he_normal")
    check_patch(Initializer(), recipe, data, kind="he_normal")
    kernel, bias, *_ = changed.build(data, 0).get_weights()
    assert np.abs(kernel).max() < 2
    assert not bias.any()


def test_the_first_choice_suits_the_activation():
    relu, tanh = (_program("zeros", hidden=kind) for kind in ("relu", "tanh"))
    assert Initializer().usual_doses(*relu)[0] == {"kind": "he_normal"}
    assert Initializer().usual_doses(*tanh)[0] == {"kind": "glorot_uniform"}


def test_kernels_that_are_drawn_like_that_are_left_as_they_are():
    check_unchanged(Initializer(), *_program("he_normal"), kind="he_normal")
    check_unchanged(Initializer(), *_program(keras.initializers.HeNormal()), kind="he_normal")


def test_layers_whose_weights_were_loaded_keep_them():
    recipe, data = _program("random_normal")
    first = next(iter(recipe.architecture.layers("Dense")))["config"]["name"]
    changed = Initializer().apply(
        recipe.replace(kept_weights={first: [np.ones((6, 8)), np.ones(8)]}), data, kind="he_normal"
    )
    kinds = [entry["config"]["kernel_initializer"] for entry in changed.architecture.layers("Dense")]
    assert kinds[0]["class_name"] == "RandomNormal"
    assert kinds[1] == "he_normal"
