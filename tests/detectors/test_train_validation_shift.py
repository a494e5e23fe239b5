from dataclasses import replace

import keras
import numpy as np
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.train_validation_shift import TrainValidationShift
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import InputFacts
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, dense, stuck_run_of


def _found(recipe, data):
    return diagnose(static_evidence(recipe, data), registry.detectors(["DAT107"])).diagnoses


def _shifted(scale=1.0, shift=0.0, rows=400):
    X, y = blobs(rows=rows)
    at = len(X) * 4 // 5
    X[at:] = X[at:] * scale + shift
    return _found(*stuck_run_of(dense(), X, y))


def _regression(y, tail=True):
    X = np.random.default_rng(0).standard_normal((len(y), 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    at = len(y) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), "regression", validation_tail=tail)
    return _found(Recipe.from_model(model, {"epochs": 5}), data)


def test_validation_rows_that_were_not_scaled_are_found():
    for scale in (0.004, 255.0):
        (found,) = _shifted(scale)
        assert "scaled differently" in found.message
        assert "80 validation rows" in found.message


def test_validation_rows_with_another_mean_are_found():
    (found,) = _shifted(shift=20.0)
    assert found.measured["mean_shift"] > 3


def test_rows_from_the_same_place_are_left_alone():
    assert _shifted() == ()
    assert _shifted(scale=2.0, shift=1.0) == ()


def test_a_few_validation_rows_count_only_when_the_scale_is_far_off():
    assert _shifted(scale=10.0, rows=50) == ()
    assert len(_shifted(scale=255.0, rows=50)) == 1


def test_extreme_values_on_one_side_are_no_shift():
    X, y = blobs()
    X[5, 2] = 4000.0
    assert _found(*stuck_run_of(dense(), X, y)) == ()
    X[5, 2] = 0.0
    X[399, 2] = 500.0
    assert _found(*stuck_run_of(dense(), X, y)) == ()


def test_rare_flags_that_are_missing_in_validation_are_no_shift():
    X = np.zeros((400, 6), "float32")
    X[:40, 0] = 1.0
    assert _found(*stuck_run_of(dense(), X, blobs()[1])) == ()


def test_a_target_that_goes_on_where_training_ended_is_found():
    y = np.concatenate([np.random.default_rng(0).standard_normal(160), np.full(40, 9.0)]).astype("float32")
    (found,) = _regression(y)
    assert "The target" in found.message
    assert "validation_split takes the last rows" in found.message
    assert _regression(np.random.default_rng(1).permutation(y)) == ()


def test_ids_and_inputs_that_do_not_match_are_left_alone():
    train = InputFacts("a", (8,), -3.0, 3.0, 0.0, 1.0)
    other = InputFacts("b", (9,), 100.0, 900.0, 500.0, 100.0)
    ids = replace(train, ids=True)
    detect = TrainValidationShift().detect
    assert detect([train], [other], 80) is None
    assert detect([ids], [replace(ids, mean=90.0, std=90.0)], 80) is None
    assert detect([train], [], 80) is None
    assert detect([], [], 80) is None
    assert detect([replace(train, mean=float("nan"), std=float("nan"))], [train], 80) is None
