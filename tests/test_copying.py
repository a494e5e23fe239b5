"""A class that needs arguments is copied part by part, and the copy is the model."""

import functools
from collections import namedtuple

import cloudpickle
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import remedy
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.recipe.copying import copier
from remedy.recipe.recipe import Recipe
from remedy.recipe.round_trip import difference

from .conftest import blobs

X, Y = blobs(rows=200)
IDS = Y.argmax(-1)


class Block(layers.Layer):
    """A layer of the user's own without a get_config; its factor is made by build()."""

    def __init__(self, units, act):
        super().__init__()
        self.dense, self.act = layers.Dense(units), act

    def build(self, shape):
        self.factor = self.add_weight(shape=(), initializer="ones")
        self.dense.build(shape)

    def call(self, x):
        return self.act(self.dense(x)) * self.factor


class OwnStep(keras.Model):
    """Arguments without a default, layers in a list and a dict, a metric of its own, a step of its own."""

    def __init__(self, widths, encoder, noise=0.0, name="own"):
        super().__init__(name=name)
        self.encoder = encoder
        self.blocks = [Block(width, keras.ops.relu) for width in widths]
        self.heads = {"class": layers.Dense(3, activation="softmax")}
        self.first = self.blocks[0]
        self.noise, self.answer = noise, self._answer
        self.tracker = keras.metrics.Mean(name="seen")

    def _answer(self, x):
        return self.heads["class"](x)

    def call(self, x, training=None):
        x = self.encoder(x) + self.noise
        for block in self.blocks:
            x = block(x)
        return self.answer(x)

    def train_step(self, data):
        self.tracker.update_state(1.0)
        return super().train_step(data)


class Focal(keras.losses.Loss):
    """No get_config, and a setting that is not its default."""

    def __init__(self, gamma=2.0):
        super().__init__(name="focal")
        self.gamma = gamma

    def call(self, y_true, y_pred):
        return self.gamma * keras.ops.mean((y_true - y_pred) ** 2, -1)


class Mild(keras.regularizers.Regularizer):
    """No get_config, and a setting."""

    def __init__(self, strength=0.0):
        self.strength = strength

    def __call__(self, x):
        return self.strength * keras.ops.sum(x**2)


Sizes = namedtuple("Sizes", "width depth")


class Carrying(OwnStep):
    """Keeps a loss and penalties of the user's own, a named tuple, and that it passes masks on."""

    def __init__(self, gamma):
        super().__init__([4], layers.Dense(4))
        self.focal, self.activity_regularizer = Focal(gamma), keras.regularizers.L2(0.5)
        self.mild, self.sizes = Mild(0.25), Sizes(4, layers.Dense(4, kernel_regularizer=Mild(0.5)))
        self.supports_masking = True


class Counting(keras.Model):
    """Counts in a variable of the backend."""

    def __init__(self, start):
        super().__init__()
        self.head, self.steps = layers.Dense(3, activation="softmax"), tf.Variable(float(start))

    def call(self, x):
        return self.head(x)


class Compiled(keras.Model):
    """Keeps a compiled function of its own."""

    def __init__(self, width):
        super().__init__()
        self.hidden, self.head = layers.Dense(width), layers.Dense(3, activation="softmax")
        self.body = tf.function(self.once)

    def once(self, x):
        return self.hidden(x)

    def call(self, x):
        return self.head(self.body(x))


class Weights(keras.Model):
    """Adds weights in __init__."""

    def __init__(self, start):
        super().__init__()
        self.head = layers.Dense(3, activation="softmax")
        self.factor = self.add_weight(shape=(), initializer=keras.initializers.Constant(float(start)))

    def call(self, x):
        return self.head(x * self.factor)


class Hidden(keras.Model):
    """Keeps layers in an object that is no layer."""

    def __init__(self, width):
        super().__init__()
        self.box = type("Box", (), {})()
        self.box.layer = layers.Dense(width)
        self.head = layers.Dense(3, activation="softmax")

    def call(self, x):
        return self.head(self.box.layer(x))


class Closure(Hidden):
    """Keeps a function that uses the model."""

    def __init__(self, width):
        super(Hidden, self).__init__()
        self.hidden, self.head = layers.Dense(width), layers.Dense(3, activation="softmax")
        self.body = lambda x: self.hidden(2.0 * x)

    def call(self, x):
        return self.head(self.body(x))


class Partial(Closure):
    """The same with a part that was given beforehand."""

    def __init__(self, width):
        super().__init__(width)
        self.body = functools.partial(self.hidden.__call__)


def own_step(rate=1e-6, **more):
    encoder = keras.Sequential([keras.Input((X.shape[1],)), layers.Dense(8, activation="relu")])
    model = OwnStep([16, 8], encoder, **more)
    model.compile(keras.optimizers.SGD(rate), "categorical_crossentropy", metrics=["accuracy"])
    model(X[:1])
    return model


def test_a_copy_has_fresh_weights_of_the_same_shapes_and_none_of_the_models():
    model = own_step(noise=0.5)
    make, _ = copier(model)
    fresh = make()
    fresh(X[:1])
    assert [w.shape for w in fresh.get_weights()] == [w.shape for w in model.get_weights()]
    assert not {id(v) for v in fresh.variables} & {id(v) for v in model.variables}
    assert fresh.first is fresh.blocks[0]
    assert fresh.answer.__self__ is fresh
    fresh.set_weights(model.get_weights())
    np.testing.assert_allclose(fresh(X), model(X), atol=1e-6)


def test_the_recipe_of_such_a_class_is_the_model_and_travels_to_a_worker():
    model = own_step(noise=0.5)
    recipe = cloudpickle.loads(cloudpickle.dumps(Recipe.from_model(model, {"epochs": 1})))
    assert difference(recipe, Dataset(Rows(X, Y), None, "multiclass"), model) is None


def test_settings_that_no_configuration_holds_are_carried_over():
    model = Carrying(5.0)
    model(X[:1])
    make, functions = copier(model)
    with keras.saving.custom_object_scope(functions):
        fresh = make()
    assert fresh.focal.gamma == 5.0
    assert float(fresh.activity_regularizer.l2) == 0.5
    assert fresh.supports_masking
    assert fresh.mild.strength == 0.25
    assert fresh.sizes.depth.kernel_regularizer.strength == 0.5
    assert fresh.sizes.depth is not model.sizes.depth


@pytest.mark.parametrize("kind", [Weights, Hidden, Closure, Partial, Counting, Compiled])
def test_what_cannot_be_made_anew_is_left_to_build(kind):
    model = kind(4)
    model(X[:1])
    assert copier(model) is None


def test_a_model_of_keras_own_classes_needs_no_copier():
    assert copier(keras.Sequential([keras.Input((2,)), layers.Dense(1)])) is None


@pytest.mark.slow
def test_a_stuck_class_with_a_train_step_of_its_own_gets_a_fix_of_its_own_kind(store):
    result = remedy.fit(
        own_step(), X, Y, epochs=10, verbose=0, validation_split=0.2, search=remedy.Search(trials=6, timeout=40)
    )
    assert result.stuck
    assert type(result.fix.model) is OwnStep
    assert result.fix.score > result.fix.baseline_score + 0.2
