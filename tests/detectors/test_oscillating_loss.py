import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.oscillating_loss import OscillatingLoss
from remedy.recipe.recipe import Recipe

from ..watch import named, watched


def _line(rate):
    """The slope of an absolute error is as steep near the minimum as far away: each step is as long as the last."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4)).astype("float32")
    y = (X @ [1.0, -2.0, 0.5, 1.0] + 1 + 0.1 * rng.standard_normal(300)).astype("float32")[:, None]
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mae")
    data = Dataset(Rows(X[:240], y[:240]), Rows(X[240:], y[240:]), "regression")
    return watched(Recipe.from_model(model, {"epochs": 10, "batch_size": 80}), data)


def test_steps_from_one_side_of_the_valley_to_the_other_are_found_with_both_heights():
    recorder = _line(4.0)
    found = next(d for d in recorder.examination.diagnoses if d.name == "oscillating-loss")
    assert found.epoch <= 8
    assert found.measured["ups"] >= 2
    assert found.measured["highest"] > 1.2 * found.measured["lowest"]
    assert "learning-rate" in found.remedies


def test_the_same_line_with_short_steps_is_learned_and_left_alone():
    recorder = _line(0.3)
    assert "oscillating-loss" not in named(recorder)
    assert not recorder.examination.stuck
    assert recorder.scores[-1] > 0.95


@pytest.mark.parametrize(
    ("loss", "probe_loss"),
    [
        ([0.9, 0.6, 0.8, 0.55, 0.7, 0.4], None),
        ([0.9, 0.6, 0.62, 0.60, 0.63, 0.6], None),
        ([0.9, 0.6, 0.7, 0.8, 0.9, 1.1], None),
        ([0.9, 0.02, 0.06, 0.03, 0.06, 0.03], None),
        ([0.9, 0.6, 0.8, 0.6], None),
        ([0.9, 0.6, 0.8, 0.62, 0.9, 0.65], [0.9, 0.6, 0.5, 0.4, 0.35, 0.3]),
    ],
    ids=["better each time", "small swings", "only up", "jitter near zero", "four epochs", "steady on the same rows"],
)
def test_a_loss_that_swings_and_gets_somewhere_or_hardly_swings_is_left_alone(loss, probe_loss):
    assert OscillatingLoss().detect(loss=loss, probe_loss=probe_loss, prior_loss=0.7) is None
