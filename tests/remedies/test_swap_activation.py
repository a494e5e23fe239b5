import keras
from keras import layers

from remedy.remedies.swap_activation import SwapActivation
from remedy.testing import check_patch, check_rewritten, check_unchanged

from ..conftest import blobs, dense, stuck_run_of


def _sigmoids(depth):
    keras.utils.set_random_seed(0)
    hidden = [layers.Dense(6, activation="sigmoid") for _ in range(depth)]
    model = keras.Sequential([keras.Input((6,)), *hidden, layers.Dense(3), layers.Activation("softmax", name="head")])
    model.compile("adam", "categorical_crossentropy")
    return model


def test_hidden_activations_change_and_the_head_stays():
    recipe, data = stuck_run_of(_sigmoids(2), *blobs())
    changed = check_rewritten(SwapActivation(), recipe, data, train=False, kind="elu")
    check_patch(SwapActivation(), recipe, data, kind="elu")
    used = [la["config"].get("activation") for la in changed.architecture.layers("Dense", "Activation")]
    assert used == ["elu", "elu", "linear", "softmax"]


def test_layers_such_as_relu_are_replaced_under_their_own_names():
    recipe, data = stuck_run_of(dense(norm=True), *blobs())
    changed = check_rewritten(SwapActivation(), recipe, data, train=False, kind="tanh")
    check_patch(SwapActivation(), recipe, data, kind="tanh")
    before = [la["config"]["name"] for la in recipe.architecture.layers()]
    assert [la["config"]["name"] for la in changed.architecture.layers()] == before
    assert not list(changed.architecture.layers("ReLU"))


def test_a_few_bounded_layers_become_relu_and_a_deep_stack_elu():
    first = [SwapActivation().usual_doses(*stuck_run_of(_sigmoids(n), *blobs()))[0]["kind"] for n in (2, 8)]
    assert first == ["relu", "elu"]


def test_a_net_without_hidden_activations_is_left_as_it_is():
    check_unchanged(SwapActivation(), *stuck_run_of(_sigmoids(0), *blobs()), kind="elu")


def test_a_relu_at_the_output_becomes_leaky_for_it_dies_like_any_other():
    X, y = blobs()
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(1), layers.ReLU(name="end")])
    model.compile("sgd", "mse")
    recipe, data = stuck_run_of(model, X, y.argmax(1).astype("float32"))
    kind = SwapActivation().usual_doses(recipe, data)[0]["kind"]
    changed = check_rewritten(SwapActivation(), recipe, data, train=False, kind=kind)
    check_patch(SwapActivation(), recipe, data, kind=kind)
    assert kind == "leaky_relu"
    assert not list(changed.architecture.layers("ReLU"))
