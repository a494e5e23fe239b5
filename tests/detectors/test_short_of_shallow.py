"""short-of-shallow: the epochs are over, and a shallow model covers far more of the way."""

from dataclasses import replace

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_iris

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors import ShortOfShallow
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import Shallow
from remedy.recipe.recipe import Recipe

from ..watch import named, watched

FOREST = Shallow(4, 0.95, 0.02, 1 / 3, "a forest of trees")


def _iris(hidden, optimizer, epochs):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order].astype("float32"), y[order]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *hidden, layers.Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    data = Dataset(Rows(X[:120], y[:120]), Rows(X[120:], y[120:]), "multiclass")
    return watched(Recipe.from_model(model, {"epochs": epochs, "batch_size": 16}), data)


def test_two_of_three_classes_found_at_the_end_are_not_called_healthy():
    found = _iris([layers.Dense(10, activation="tanh")], keras.optimizers.SGD(0.002), 20)
    assert found.scores[-1] < 0.75
    assert found.examination.stuck


def test_the_same_net_that_finds_all_is_left_alone():
    found = _iris([layers.Dense(10, activation="tanh")], keras.optimizers.Adam(0.02), 30)
    assert "short-of-shallow" not in named(found)
    assert not found.examination.stuck


def test_a_short_program_that_closes_the_gap_with_every_epoch_is_on_its_way():
    detect = ShortOfShallow().detect
    assert detect((0.3, 0.46, 0.6), FOREST, 3) is None
    assert detect((0.5, 0.55, 0.6), FOREST, 3) is not None


def test_validation_rows_count_where_there_are_some_and_what_was_learnt_by_heart_is_overfitting():
    detect = ShortOfShallow().detect
    assert "on validation rows" in detect((0.9,) * 4, FOREST, 4, (0.5,) * 4).message
    assert detect((0.9,) * 4, FOREST, 4, (0.5,) * 4, probe_loss=(0.01,) * 4, prior_loss=1.1) is None


def test_on_validation_rows_from_elsewhere_the_shallow_model_is_measured_there_too():
    seen = replace(
        ShortOfShallow.fires_on[0],
        val_score=(0.33, 0.6, 0.62, 0.62),
        shallow=Shallow(4, 0.95, 0.02, 0.333, "a forest of trees", held=0.62),
    )
    assert not diagnose(seen, [ShortOfShallow()]).diagnoses
    assert diagnose(replace(seen, shallow=replace(seen.shallow, held=0.94)), [ShortOfShallow()]).diagnoses
