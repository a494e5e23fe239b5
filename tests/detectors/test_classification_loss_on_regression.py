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


def _found(model, X, y, task="regression"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED208"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


def _rows(width=None):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6)).astype("float32")
    y = 20 + 5 * X[:, 0] if width is None else 20 + 5 * X[:, :width]
    return X, y


def test_binary_cross_entropy_on_prices_is_found_and_its_loss_falls_below_zero():
    X, y = _rows()
    model = _model(1, "sigmoid", "binary_crossentropy")
    (found,) = _found(model, X, y)
    assert found.severity == "error"
    assert found.measured["maximum"] == pytest.approx(y[:240].max())
    model.fit(X, y, epochs=15, verbose=0)
    assert model.evaluate(X, y, verbose=0) < 0


@pytest.mark.parametrize("loss", ["categorical_crossentropy", "kl_divergence", "kld"])
def test_losses_between_distributions_are_found_on_raw_numbers(loss):
    X, y = _rows(width=3)
    assert _found(_model(3, "softmax", loss), X, y)
    assert _found(_model(3, "softmax", loss), X, y - 20)


def test_an_error_of_regression_is_left_alone():
    assert _found(_model(1, None, "mse"), *_rows()) == ()


def test_probabilities_and_pixels_between_0_and_1_are_left_alone():
    X = np.random.default_rng(0).random((300, 6)).astype("float32")
    assert _found(_model(6, "sigmoid", "binary_crossentropy"), X, X) == ()
    shares = X / X.sum(-1, keepdims=True)
    assert _found(_model(6, "softmax", "kl_divergence"), X, shares) == ()
    assert _found(_model(6, "softmax", "categorical_crossentropy"), X, shares) == ()


def test_counts_under_a_categorical_loss_are_a_multinomial_likelihood():
    X = np.random.default_rng(0).poisson(2.0, (300, 6)).astype("float32")
    assert _found(_model(6, "softmax", "categorical_crossentropy"), X, X) == ()


def test_fractions_under_the_sparse_loss_are_left_to_the_encoding():
    assert _found(_model(3, "softmax", "sparse_categorical_crossentropy"), *_rows()) == ()
