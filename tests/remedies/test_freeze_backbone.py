import keras
import numpy as np
import pytest

from remedy.keras_internals import every_layer
from remedy.prescription import Prescription, patch
from remedy.remedies.freeze_backbone import FreezeBackbone
from remedy.remedies.learning_rate import LearningRate
from remedy.testing import check_rewritten, check_unchanged
from remedy.testing.specimens import given_to, specimen
from remedy.training.fit_recipe import fit_recipe
from remedy.training.loop import Loop


@pytest.fixture(scope="module")
def program():
    return given_to(FreezeBackbone())


def named(model, name):
    return next(layer for layer in every_layer(model) if layer.name == name)


def test_frozen_layers_keep_what_was_loaded(program):
    recipe, data = program
    changed = check_rewritten(FreezeBackbone(), recipe, data, how="frozen")
    model = changed.build(data, 0)
    fit_recipe(model, changed, data, 0, 0, 2, [])
    for name in ("conv", "features"):
        np.testing.assert_array_equal(named(model, name).get_weights()[0], recipe.kept_weights[name][0])


@pytest.mark.parametrize("looped", [True, False], ids=["own loop", "Model.fit"])
def test_a_head_that_is_trained_first_leaves_the_loaded_layers_alone_until_then(program, looped):
    recipe, data = program
    recipe = recipe.replace(epochs=6)
    changed = check_rewritten(FreezeBackbone(), recipe, data, train=False, how="head-first")
    assert changed.warm_up == 2
    model = changed.build(data, 0)
    head, rate = named(model, "head").get_weights()[0], changed.learning_rate
    loop = Loop(model) if looped else None
    fit_recipe(model, changed, data, 0, 0, 2, [], loop)
    np.testing.assert_array_equal(named(model, "conv").get_weights()[0], recipe.kept_weights["conv"][0])
    assert not np.array_equal(named(model, "head").get_weights()[0], head)
    fit_recipe(model, changed, data, 0, 2, 6, [], loop)
    assert named(model, "conv").trainable
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(rate / 10)
    assert not np.array_equal(named(model, "conv").get_weights()[0], recipe.kept_weights["conv"][0])


def test_there_is_nothing_to_freeze_in_a_net_from_scratch():
    check_unchanged(FreezeBackbone(), *specimen(), how="frozen")


def test_a_frozen_backbone_has_no_head_to_train_first(program):
    recipe, data = program
    frozen = FreezeBackbone().apply(recipe, data, how="frozen")
    check_unchanged(FreezeBackbone(), frozen, data, how="head-first")


def test_the_patch_ends_with_a_tenth_of_the_rate_that_the_fix_trains_the_head_with(program):
    recipe, data = program
    recipe = recipe.replace(epochs=6)
    doses = (("freeze-backbone", {"how": "head-first"}), ("learning-rate", {"rate": 0.01, "schedule": "constant"}))
    lines = patch(Prescription(doses), recipe, data, [FreezeBackbone(), LearningRate()])
    names = {"keras": keras, "np": np, "model": recipe.build(data, 1), "X_train": data.train.X, "y_train": data.train.y}
    names["fit"] = {"epochs": 6, "batch_size": 16, "verbose": 0}
    exec(lines, names)
    assert names["fit"]["initial_epoch"] == 2
    assert float(names["model"].optimizer.learning_rate.numpy()) == pytest.approx(0.001)
    assert lines.count("learning_rate=0.01)") == 1
    assert named(names["model"], "conv").trainable
    np.testing.assert_array_equal(named(names["model"], "conv").get_weights()[0], recipe.kept_weights["conv"][0])
