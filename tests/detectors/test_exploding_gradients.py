import keras
import numpy as np
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.exploding_gradients import ExplodingGradients
from remedy.evidence.layers import look
from remedy.evidence.records import Look
from remedy.recipe.recipe import Recipe

from ..watch import named, watched


def _prices(unit):
    """The same prices, in thousands or in ones."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4)).astype("float32")
    y = (unit * (X @ [1.0, -2.0, 0.5, 1.0] + 0.1 * rng.standard_normal(300))).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    data = Dataset(Rows(X[:240], y[:240]), Rows(X[240:], y[240:]), "regression")
    return watched(Recipe.from_model(model, {"epochs": 5, "batch_size": 8}), data), data


def test_the_error_of_a_target_in_thousands_dwarfs_the_weights():
    recorder, _ = _prices(1000.0)
    found = next(d for d in recorder.examination.diagnoses if d.name == "exploding-gradients")
    assert found.epoch == found.measured["epoch"] == 2
    assert found.measured["gradient"] > 300
    assert found.message.startswith("After epoch 2 the gradient of layer dense")


def test_the_same_prices_in_a_unit_near_one_are_left_alone_also_when_looked_at():
    recorder, data = _prices(1.0)
    assert "exploding-gradients" not in named(recorder)
    assert not recorder.examination.stuck
    assert ExplodingGradients().detect([look(recorder.model, data.train, 5)]) is None


def test_a_gradient_that_is_no_number_is_found_and_an_earlier_look_counts():
    broken = Look(1, gradients={"dense": float("nan")}, weights={"dense": 0.3})
    calm = Look(2, gradients={"dense": 0.3}, weights={"dense": 0.3})
    assert "not a finite number" in ExplodingGradients().detect([calm, broken]).message
    assert "After epoch 1" in ExplodingGradients().detect([broken, calm]).message
    assert ExplodingGradients().detect([]) is None


def test_large_weights_bear_large_gradients():
    assert ExplodingGradients().detect([Look(2, gradients={"dense": 500.0}, weights={"dense": 20.0})]) is None
    assert ExplodingGradients().detect([Look(2, gradients={"dense": 500.0}, weights={"dense": 2.0})]) is not None
