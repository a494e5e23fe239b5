import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.recipe import Recipe

from ..watch import named, watched


def _regression(rate):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype("float32") * 50
    y = X[:, :1]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return Recipe.from_model(model, {"epochs": 4}), Dataset(
        Rows(X[:240], y[:240]), Rows(X[240:], y[240:]), "regression"
    )


def test_a_loss_that_runs_away_is_found_in_its_epoch():
    recorder = watched(*_regression(1.0))
    assert recorder.examination.cause.name == "non-finite-loss"
    assert recorder.examination.cause.epoch == recorder.evidence.nonfinite_epoch + 1


def test_the_same_net_at_a_small_rate_is_left_alone():
    assert "non-finite-loss" not in named(watched(*_regression(1e-6)))
