import keras
import pytest
from keras import layers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs


def _found(model, X, y, task="multiclass"):
    at = len(X) * 4 // 5
    data = Dataset(Rows(X[:at], y[:at]), Rows(X[at:], y[at:]), task)
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 2}), data)
    return diagnose(evidence, registry.detectors(["HED203"])).diagnoses


def _model(units, activation, loss, columns=6, metrics=None):
    model = keras.Sequential(
        [keras.Input((columns,)), layers.Dense(8, activation="relu"), layers.Dense(units, activation=activation)]
    )
    model.compile("adam", loss, metrics=metrics)
    return model


@keras.saving.register_keras_serializable("remedy-tests")
def own_softmax(x):
    return keras.ops.softmax(x)


@keras.saving.register_keras_serializable("remedy-tests")
def crossentropy_of_scores(y_true, y_pred):
    return keras.losses.categorical_crossentropy(y_true, y_pred, from_logits=True)


def _labels():
    X, y = blobs(rows=200, classes=2)
    return X, y[:, 1]


@pytest.mark.parametrize("activation", [None, "relu", "elu", "gelu", "tanh", "leaky_relu", "softplus"])
def test_a_head_without_sigmoid_is_found_under_binary_cross_entropy(activation):
    X, y = _labels()
    (found,) = _found(_model(1, activation, "binary_crossentropy"), X, y, "binary")
    assert found.severity == "error"
    assert repr(activation or "linear") in found.message
    assert "a sigmoid is missing" in found.message


@pytest.mark.parametrize("sparse", [True, False])
def test_a_head_without_softmax_is_found_under_both_categorical_losses(sparse):
    X, y = blobs(rows=200)
    model = _model(3, None, "sparse_categorical_crossentropy" if sparse else "categorical_crossentropy")
    (found,) = _found(model, X, y.argmax(-1) if sparse else y)
    assert "3 units with activation 'linear'" in found.message
    assert "a softmax is missing" in found.message


@pytest.mark.parametrize("activation", ["relu", "elu", "tanh", "softplus"])
def test_a_head_that_cuts_or_bounds_its_scores_is_found_with_from_logits(activation):
    X, y = _labels()
    (found,) = _found(_model(1, activation, keras.losses.BinaryCrossentropy(from_logits=True)), X, y, "binary")
    assert "from_logits=True wants a linear head" in found.message


def test_heads_that_fit_their_loss_are_left_alone():
    X, y = _labels()
    assert _found(_model(1, "sigmoid", "binary_crossentropy"), X, y, "binary") == ()
    assert _found(_model(1, None, keras.losses.BinaryCrossentropy(from_logits=True)), X, y, "binary") == ()
    X, y = blobs(rows=200)
    assert _found(_model(3, "softmax", "categorical_crossentropy"), X, y) == ()
    assert _found(_model(3, None, keras.losses.CategoricalCrossentropy(from_logits=True)), X, y) == ()
    assert _found(_model(3, "softplus", "categorical_crossentropy"), X, y) == ()
    assert _found(_model(3, None, "mse"), X, y) == ()


def test_an_activation_of_the_users_own_is_left_alone():
    assert _found(_model(3, own_softmax, "categorical_crossentropy"), *blobs(rows=200)) == ()


def test_a_loss_of_the_users_own_is_left_alone():
    assert _found(_model(3, None, crossentropy_of_scores), *blobs(rows=200)) == ()


def test_a_softmax_in_a_layer_of_its_own_and_an_average_of_heads_are_left_alone():
    X, y = blobs(rows=200)
    inputs = keras.Input((6,))
    heads = [layers.Softmax()(layers.Dense(3)(inputs)) for _ in range(2)]
    for answer in (heads[0], layers.Average()(heads)):
        model = keras.Model(inputs, answer)
        model.compile("adam", "categorical_crossentropy")
        assert _found(model, X, y) == ()
