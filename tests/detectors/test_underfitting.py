import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.underfitting import Underfitting
from remedy.evidence.evidence import Shallow
from remedy.recipe.recipe import Recipe

from ..watch import named, watched

FOREST = Shallow(2, 0.8, 0.02, 0.5, "a forest of trees")


def _chessboard(hidden):
    """Four fields of a chessboard, which no straight line divides."""
    X = np.random.default_rng(0).uniform(-1, 1, (500, 2)).astype("float32")
    y = (X[:, :1] * X[:, 1:] > 0).astype("float32")
    model = keras.Sequential([keras.Input((2,)), *[layers.Dense(16, activation="relu") for _ in range(hidden)]])
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    data = Dataset(Rows(X[:400], y[:400]), Rows(X[400:], y[400:]), "binary")
    return watched(Recipe.from_model(model, {"epochs": 6, "batch_size": 16}), data)


def test_a_net_without_hidden_layer_is_found_far_behind_a_forest_half_way():
    recorder = _chessboard(hidden=0)
    found = next(d for d in recorder.examination.diagnoses if d.name == "underfitting")
    assert found.epoch == 3
    assert found.measured["shallow"] == recorder.evidence.shallow.score > 0.9
    assert found.measured["network"] < 0.65
    assert "Cross-validated, a forest of trees reaches 0.9" in found.message


def test_the_same_net_with_a_hidden_layer_is_left_alone():
    recorder = _chessboard(hidden=1)
    assert "underfitting" not in named(recorder)
    assert not recorder.examination.stuck
    assert recorder.scores[-1] > 0.9


@pytest.mark.parametrize(
    ("score", "planned"),
    [([0.5] * 4, 10), ([0.5, 0.5, 0.7], 6), ([0.65], 1), ([float("nan")] * 3, 3)],
    ids=["before half of the plan", "close behind", "within two standard errors", "no score"],
)
def test_a_network_that_is_not_surely_behind_is_left_alone(score, planned):
    assert Underfitting().detect(probe_score=score, shallow=FOREST, epochs_planned=planned) is None


def test_a_plan_of_one_epoch_is_judged_at_its_end():
    assert "after 1 epochs" in Underfitting().detect(probe_score=[0.5], shallow=FOREST, epochs_planned=1).message
    assert Underfitting().detect(probe_score=[0.5], shallow=FOREST, epochs_planned=2) is None
