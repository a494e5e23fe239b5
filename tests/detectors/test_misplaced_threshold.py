"""misplaced-threshold: a net that ranks its rows well and cuts them at the wrong place."""

import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.thresholds import moved_threshold
from remedy.recipe.recipe import Recipe

from ..watch import named, watched


def _rare(weights):
    """Four per cent positives in columns that overlap."""
    rng = np.random.default_rng(0)
    y = (rng.random(3000) < 0.04).astype("float32")
    X = (rng.standard_normal((3000, 12)) + 0.7 * y[:, None]).astype("float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((12,)), layers.Dense(16, activation="relu"), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.003), "binary_crossentropy")
    data = Dataset(Rows(X[:2000], y[:2000]), Rows(X[2000:], y[2000:]), "binary")
    return watched(Recipe.from_model(model, {"epochs": 3, "batch_size": 32, "class_weight": weights}), data)


def test_rare_positives_that_are_known_but_hardly_ever_answered_fire():
    found = next(d for d in _rare(None).examination.diagnoses if d.name == "misplaced-threshold")
    assert found.measured["moved"] > found.measured["at_half"] + 0.1
    assert "cuts at the wrong place" in found.message
    assert found.remedies[0] == "move-threshold"


def test_with_class_weights_one_half_is_the_place_to_cut():
    assert "misplaced-threshold" not in named(_rare({0: 1.0, 1: 24.0}))


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9])
def test_the_threshold_that_parts_the_classes_is_found(cut):
    answers = np.linspace(0, 1, 201)
    y = (answers > cut).astype(int)
    score, threshold = moved_threshold(y, answers[:, None])
    assert score > 0.97
    assert threshold == pytest.approx(cut, abs=0.01)


def test_luck_in_choosing_a_threshold_does_not_count():
    rng = np.random.default_rng(0)
    assert moved_threshold(rng.integers(0, 2, 60), rng.random((60, 1)))[0] < 0.65
    assert moved_threshold(np.zeros(20), rng.random((20, 1))) is None
    assert moved_threshold(rng.integers(0, 2, 60), rng.random((60, 2))) is None


def test_with_few_rows_of_a_class_luck_does_not_move_the_threshold():
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(20):
        y = np.r_[np.ones(12), np.zeros(200)].astype(int)
        logits = rng.normal(2.0 * y - 1.0, 1.5)
        kept.append(abs(np.log(1 / moved_threshold(y, 1 / (1 + np.exp(-logits[:, None])))[1] - 1)))
    # Their best threshold is one half; that of the highest score alone lies 0.28 from it in the median, as log-odds.
    assert np.median(kept) < 0.2


def test_one_half_stays_where_it_is_as_good_as_any_other():
    answers = np.r_[[0.9] * 8, [0.1] * 2, [0.1] * 18, 0.44, 0.46]
    truth = np.r_[np.ones(10), np.zeros(20)].astype(int)
    assert moved_threshold(np.r_[truth, truth], np.r_[answers, answers][:, None])[1] == 0.5
    logits = np.r_[[-2.0] * 10, 0.0, 0.0, [2.0] * 10]
    assert moved_threshold(np.r_[np.zeros(11), np.ones(11)], logits[:, None], logits=True)[1] == 0.0


def test_answers_that_are_all_alike_have_no_threshold():
    assert moved_threshold(np.arange(40) % 2, np.full((40, 1), 0.9)) is None
