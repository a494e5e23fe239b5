import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.detectors.unscaled_target import UnscaledTarget
from remedy.diagnosis import diagnose
from remedy.evidence.evidence import OutputFacts
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe


def _examined(y, loss="mse", *last):
    X = np.random.default_rng(0).standard_normal((len(y), 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(1), *last])
    model.compile("adam", loss)
    data = Dataset(Rows(X[:160], y[:160]), Rows(X[160:], y[160:]), "regression")
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 5}), data)
    return diagnose(evidence, registry.detectors(["DAT110"]))


def _normal(scale=1.0, shift=0.0):
    return (np.random.default_rng(1).standard_normal((200, 1)) * scale + shift).astype("float32")


@pytest.mark.parametrize(("scale", "shift"), [(5e4, 3e5), (0.5, 40.0), (60.0, 0.0), (0.001, 0.5)])
def test_targets_far_too_large_shifted_or_small_are_found_with_their_range(scale, shift):
    (found,) = _examined(_normal(scale, shift)).diagnoses
    assert found.severity == "warning"
    assert "runs from" in found.message


def test_targets_of_unit_spread_and_shares_are_left_alone():
    assert _examined(_normal()).passed == ("unscaled-target",)
    assert _examined(np.random.default_rng(0).random((200, 1)).astype("float32")).passed
    assert _examined(_normal(8.0, 20.0)).passed


def test_a_constant_or_a_sparse_target_is_not_called_small():
    assert _examined(np.full((200, 1), 0.5, "float32")).passed
    sparse = np.zeros((200, 1), "float32")
    sparse[0] = 0.4
    assert _examined(sparse).passed


def test_losses_of_relative_errors_are_left_alone():
    counts = np.random.default_rng(0).poisson(400, (200, 1)).astype("float32")
    assert _examined(counts, "poisson").passed
    assert _examined(counts, "mean_absolute_percentage_error").passed
    assert _examined(counts, "mae").diagnoses


def test_a_network_that_scales_its_own_answer_is_left_alone():
    assert _examined(_normal(5e4, 3e5), "mse", layers.Rescaling(5e4, 3e5)).passed


def test_the_output_furthest_out_is_named():
    near, far = (OutputFacts(name=name, loss="mse", maximum=m, std=m / 4) for name, m in (("near", 60), ("far", 9e5)))
    assert "'far'" in UnscaledTarget().detect(outputs=[near, far]).message
    assert UnscaledTarget().detect(outputs=[]) is None
