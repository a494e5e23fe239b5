import numpy as np

from remedy.remedies.unfreeze import Unfreeze
from remedy.testing import check_rewritten, check_unchanged
from remedy.testing.specimens import given_to, specimen


def trained(recipe, data):
    return {variable.path.split("/")[-2] for variable in recipe.build(data, 0).trainable_variables}


def test_the_head_is_trained_or_everything_but_batch_normalization():
    recipe, data = given_to(Unfreeze())
    assert not trained(recipe, data)
    assert trained(check_rewritten(Unfreeze(), recipe, data, what="head"), data) == {"head"}
    everything = check_rewritten(Unfreeze(), recipe, data, what="all")
    assert trained(everything, data) == {"conv", "features", "head"}
    loaded = next(v for v in everything.build(data, 0).trainable_variables if "conv/kernel" in v.path)
    np.testing.assert_array_equal(loaded.numpy(), recipe.kept_weights["conv"][0])


def test_what_is_trained_already_is_left_alone():
    check_unchanged(Unfreeze(), *specimen(), what="all")
