import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.diverging_loss import DivergingLoss
from remedy.recipe.recipe import Recipe

from ..watch import named, watched


def _line(rate):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4)).astype("float32")
    y = (X @ [1.0, -2.0, 0.5, 1.0] + 0.1 * rng.standard_normal(300)).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    data = Dataset(Rows(X[:240], y[:240]), Rows(X[240:], y[240:]), "regression")
    return watched(Recipe.from_model(model, {"epochs": 5}), data)


def test_a_loss_that_every_step_makes_larger_is_found_in_the_third_epoch():
    recorder = _line(1.05)
    found = next(d for d in recorder.examination.diagnoses if d.name == "diverging-loss")
    assert found.epoch == 3
    assert found.measured["ratio"] > 1000
    assert found.measured["loss"] == recorder.evidence.loss[-1] > 1000 * found.measured["best"]
    assert recorder.examination.cause is found


def test_the_same_line_at_a_tenth_of_the_rate_is_learned_and_left_alone():
    recorder = _line(0.1)
    assert "diverging-loss" not in named(recorder)
    assert not recorder.examination.stuck
    assert recorder.scores[-1] > 0.9


def test_three_rises_in_a_row_that_add_up_to_a_quarter_are_enough():
    climbing = [0.70, 0.80, 0.90, 1.00]
    assert "1.4 times" in DivergingLoss().detect(loss=climbing, prior_loss=0.7).message
    assert DivergingLoss().detect(loss=[0.70, 0.90, 1.00, 0.99], prior_loss=0.7) is None
    assert DivergingLoss().detect(loss=[0.70, 0.72, 0.75, 0.80], prior_loss=0.7) is None


@pytest.mark.parametrize(
    "loss",
    [[0.7, 0.5, 3.0, 0.5], [0.7, 0.5, 9.0, 4.0], [0.7, 0.02, 0.2, 0.3], [0.7, 9.0], [0.7, 9.0, float("nan")]],
    ids=["one spike", "on its way down", "jitter near zero", "two epochs", "not finite"],
)
def test_a_loss_that_only_looks_as_if_it_grew_is_left_alone(loss):
    assert DivergingLoss().detect(loss=loss, prior_loss=0.7) is None


def test_where_no_constant_answer_is_known_the_first_loss_stands_for_it():
    assert DivergingLoss().detect(loss=[2.0, 0.01, 0.05, 0.09]) is None
    assert DivergingLoss().detect(loss=[2.0, 0.5, 4.0, 5.0]) is not None
