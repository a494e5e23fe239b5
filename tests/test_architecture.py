import keras
import numpy as np
import pytest
from keras import layers

from remedy.errors import NotApplicable
from remedy.recipe.architecture import Architecture
from remedy.recipe.recipe import Recipe

SCALE = {"module": "keras.layers", "class_name": "Rescaling", "config": {"name": "half", "scale": 0.5, "offset": 0.0}}


def _functional():
    inputs = keras.Input((8, 1), name="signal")
    x = layers.Conv1D(4, 3, padding="same", name="conv")(inputs)
    y = layers.Conv1D(4, 3, padding="same", name="branch")(x)
    z = layers.Add(name="join")([x, y])
    z = layers.Dropout(0.5, name="drop")(z)
    return keras.Model(inputs, layers.Dense(2, name="head")(layers.Flatten(name="flat")(z)))


def _sequential():
    return keras.Sequential(
        [keras.Input((8, 1), name="signal"), layers.Conv1D(4, 3, name="conv"), layers.Dropout(0.5, name="drop"),
         layers.Flatten(name="flat"), layers.Dense(2, name="head")]
    )  # fmt: skip


def _read(model):
    return Architecture.from_serialized(keras.saving.serialize_keras_object(model))


def _rebuilt(architecture):
    return keras.saving.deserialize_keras_object(architecture.config)


@pytest.mark.parametrize("make", [_functional, _sequential])
def test_a_layer_put_behind_the_input_is_read_by_all_that_read_the_input(make):
    model = make()
    halved = _rebuilt(_read(model).insert_after("signal", SCALE))
    halved.set_weights(model.get_weights())
    X = np.random.default_rng(0).normal(size=(3, 8, 1)).astype("float32")
    assert np.allclose(halved.predict(X, verbose=0), model.predict(X / 2, verbose=0), atol=1e-6)


@pytest.mark.parametrize("make", [_functional, _sequential])
def test_a_layer_taken_out_leaves_the_rest_connected(make):
    model = make()
    smaller = _rebuilt(_read(model).without("drop"))
    smaller.set_weights(model.get_weights())
    X = np.ones((2, 8, 1), "float32")
    assert "drop" not in [layer.name for layer in smaller.layers]
    assert np.allclose(smaller.predict(X, verbose=0), model.predict(X, verbose=0), atol=1e-6)


def test_a_layer_that_joins_branches_or_ends_the_model_is_not_taken_out():
    for name in ("join", "head"):
        with pytest.raises(NotApplicable, match=name):
            _read(_functional()).without(name)


def test_only_a_plain_chain_is_a_chain():
    assert [layer["config"]["name"] for layer in _read(_sequential()).chain()][1:] == ["conv", "drop", "flat", "head"]
    assert _read(_functional()).chain() == []


def test_layers_of_nested_models_are_edited_too():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.5)], name="inner")
    outer = _read(keras.Sequential([keras.Input((4,)), inner, layers.Dense(1)]))

    def quiet(layer):
        layer["config"]["rate"] = 0.0

    assert _rebuilt(outer.edit(quiet, "Dropout")).layers[0].layers[1].rate == 0.0
    assert outer.config["config"]["layers"][1]["config"]["layers"][2]["config"]["rate"] == 0.5


def test_several_inputs_keep_the_order_in_which_the_model_takes_them():
    b, a = keras.Input((2,), name="b"), keras.Input((3,), name="a")
    model = keras.Model([b, a], layers.Dense(1)(layers.Concatenate()([a, b])))
    assert [entry["config"]["name"] for entry in _read(model).inputs()] == ["b", "a"]


def test_a_subclassed_model_is_opaque_and_says_so():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("adam", "mse")
    model(np.ones((1, 2)))
    recipe = Recipe.from_model(model, {})
    assert list(recipe.architecture.layers()) == []
    with pytest.raises(NotApplicable, match="Own is a subclassed model"):
        recipe.architecture.require_open()
