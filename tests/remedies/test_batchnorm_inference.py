import numpy as np

from remedy.keras_internals import every_layer
from remedy.remedies.batchnorm_inference import BatchnormInference
from remedy.testing import check_rewritten, check_unchanged
from remedy.testing.specimens import given_to, specimen
from remedy.training.fit_recipe import fit_recipe


def test_loaded_averages_stay_as_they_came():
    recipe, data = given_to(BatchnormInference())
    changed = check_rewritten(BatchnormInference(), recipe, data)
    model = changed.build(data, 0)
    fit_recipe(model, changed, data, 0, 0, 2, [])
    layer = next(layer for layer in every_layer(model) if layer.name == "averages")
    for now, before in zip(layer.get_weights(), recipe.kept_weights["averages"], strict=True):
        np.testing.assert_array_equal(now, before)


def test_averages_that_begin_with_the_training_are_left_alone():
    check_unchanged(BatchnormInference(), *specimen())
