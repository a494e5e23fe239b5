import numpy as np
import pytest

from remedy.keras_internals import every_layer
from remedy.remedies.freeze_backbone import FreezeBackbone
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
