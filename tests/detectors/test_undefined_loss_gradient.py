import keras
import numpy as np
import pytest
from keras import layers, ops

from remedy.data.rows import Rows
from remedy.detectors import UndefinedLossGradient
from remedy.evidence.judging import defined_at_zero
from remedy.recipe.recipe import Recipe


def rooted(truth, answer):
    return ops.sqrt(ops.mean(ops.square(truth - answer), axis=-1))


def careful(truth, answer):
    return ops.sqrt(ops.mean(ops.square(truth - answer), axis=-1) + 1e-9)


@pytest.mark.parametrize(("loss", "fires"), [(rooted, True), (careful, False), ("mse", False)])
def test_a_root_of_an_error_of_zero_fires_and_one_with_an_epsilon_does_not(loss, fires):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, activation="relu")])
    model.compile("adam", loss)
    known = defined_at_zero(Recipe.from_model(model, {}), Rows(np.zeros((20, 3)), np.zeros((20, 1))))
    assert (known is not None and UndefinedLossGradient().detect(known) is not None) == fires
