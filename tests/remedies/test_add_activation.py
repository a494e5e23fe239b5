import keras
import pytest
from keras import layers

from remedy.recipe.recipe import Recipe
from remedy.remedies.add_activation import AddActivation
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def _linear():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(8, name="flat"),
            layers.Dense(8, name="normed"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model


@pytest.mark.parametrize("kind", ["relu", "tanh"])
def test_only_hidden_layers_without_any_nonlinearity_get_one(kind):
    recipe, data = stuck_run_of(_linear(), *blobs())
    changed = check_rewritten(AddActivation(), recipe, data, train=False, kind=kind)
    check_patch(AddActivation(), recipe, data, kind=kind)
    kinds = {la["config"]["name"]: la["config"].get("activation") for la in changed.architecture.layers("Dense")}
    assert kinds == {"flat": kind, "normed": "linear", "head": "softmax"}


def test_a_net_with_activations_everywhere_is_left_as_it_is():
    check_unchanged(AddActivation(), *stuck_run_of(dense(), *blobs()), kind="relu")


def test_layers_of_a_nested_model_and_of_branches_are_found():
    first = keras.Input((6,))
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(5, name="inner_flat")])
    both = layers.Add()([inner(first), layers.Dense(5, activation="relu")(first)])
    model = keras.Model(first, layers.Dense(3, activation="softmax")(layers.Dense(4, name="outer_flat")(both)))
    model.compile("adam", "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs())
    changed = check_rewritten(AddActivation(), recipe, data, train=False, kind="relu")
    found = {
        la["config"]["name"] for la in changed.architecture.layers("Dense") if la["config"]["activation"] == "relu"
    }
    assert {"inner_flat", "outer_flat"} <= found
    check_patch(AddActivation(), recipe, data, kind="relu")
    assert isinstance(Recipe.from_dict(changed.to_dict()), Recipe)
