import keras
import pytest
from keras import layers, regularizers

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.diagnosis import diagnose
from remedy.evidence.static import static_evidence
from remedy.recipe.recipe import Recipe

from ..conftest import blobs, stuck_run_of


def _found(penalty):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="relu", kernel_regularizer=penalty, name="hidden"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return diagnose(static_evidence(*stuck_run_of(model, *blobs())), registry.detectors(["ARC306"])).diagnoses


@pytest.mark.parametrize("penalty", [regularizers.L2(0.5), regularizers.L1(0.2), regularizers.L1L2(0.0, 0.3)])
def test_a_strong_penalty_is_found_with_layer_and_factor(penalty):
    (found,) = _found(penalty)
    assert "'hidden'" in found.message
    assert f"{found.measured['penalty']:g}" in found.message
    assert found.measured["penalty"] >= 0.2


@pytest.mark.parametrize("penalty", [None, "l2", regularizers.L2(1e-4)])
def test_usual_penalties_are_left_alone(penalty):
    assert _found(penalty) == ()


@pytest.mark.parametrize(("spread", "fires"), [(1.0, True), (100.0, False)])
def test_for_regression_the_penalty_is_weighed_against_the_size_of_the_loss(spread, fires):
    X = blobs()[0]
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu", kernel_regularizer=regularizers.L2(0.3))])
    model.add(layers.Dense(1))
    model.compile("adam", "mse")
    y = spread * X[:, 0] / X[:, 0].std()
    data = Dataset(Rows(X[:300], y[:300]), Rows(X[300:], y[300:]), "regression")
    evidence = static_evidence(Recipe.from_model(model, {"epochs": 5}), data)
    assert bool(diagnose(evidence, registry.detectors(["ARC306"])).diagnoses) is fires
