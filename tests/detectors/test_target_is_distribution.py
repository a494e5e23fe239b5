import keras
import numpy as np
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs


def _found(model, X, y, task="regression"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED213"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _shares():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6)).astype("float32")
    return X, rng.dirichlet(np.ones(4), 300).astype("float32")


@pytest.mark.parametrize("activation", [None, "sigmoid", "relu"])
def test_shares_behind_units_of_their_own_are_found(activation):
    (found,) = _found(_model(4, activation, "mse"), *_shares())
    assert found.severity == "warning"
    assert f"4 {activation or 'linear'} units" in found.message
    assert found.confidence == 0.8


def test_a_squared_error_behind_a_softmax_is_found_with_less_confidence():
    (found,) = _found(_model(4, "softmax", "mse"), *_shares())
    assert found.confidence == 0.6


@pytest.mark.parametrize("loss", ["kl_divergence", "categorical_crossentropy", keras.losses.KLDivergence()])
def test_a_softmax_under_a_loss_between_distributions_is_left_alone(loss):
    assert _found(_model(4, "softmax", loss), *_shares()) == ()


def test_raw_scores_under_a_loss_that_applies_the_softmax_are_left_alone():
    model = _model(4, None, keras.losses.CategoricalCrossentropy(from_logits=True))
    assert _found(model, *_shares()) == ()


def test_rows_with_other_sums_and_classes_are_left_alone():
    X, y = _shares()
    assert _found(_model(4, None, "mse"), X, 2 * y) == ()
    assert _found(_model(4, None, "mse"), X, y - 0.25) == ()
    X, y = blobs(rows=200)
    assert _found(_model(3, None, "mse"), X, y, "multiclass") == ()
