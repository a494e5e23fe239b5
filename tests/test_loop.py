"""The loop trains as Keras' own fit does, only faster."""

import keras
import numpy as np
import pytest
from keras import layers

from remedy.training.fit_recipe import fit_recipe
from remedy.training.loop import Batches, Loop

from .conftest import blobs, dense, stuck_run_of

pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the loop is TensorFlow's")


def _image_net():
    return [
        keras.Input((8, 8, 1)),
        layers.Conv2D(4, 3, activation="relu", kernel_regularizer="l2"),
        layers.BatchNormalization(momentum=0.9),
        layers.SpatialDropout2D(0.2),
        layers.SeparableConv2D(4, 3),
        layers.GlobalAveragePooling2D(),
        layers.LayerNormalization(),
        layers.Dense(3, activation="softmax"),
    ]


def _signal_net():
    return [
        keras.Input((64, 1)),
        layers.GaussianNoise(0.1),
        layers.Conv1D(4, 5, strides=2, activation="elu"),
        layers.MaxPooling1D(2),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True, dropout=0.1)),
        layers.GRU(4),
        layers.Dense(3, activation="softmax"),
    ]


def _table_net():
    return [
        keras.Input((64,)),
        layers.Normalization(mean=0.5, variance=2.0),
        layers.Dense(8, activation="relu", activity_regularizer="l1"),
        layers.AlphaDropout(0.1),
        layers.UnitNormalization(),
        layers.Dense(3, activation="softmax"),
    ]


SHAPES = {_image_net: (8, 8, 1), _signal_net: (64, 1), _table_net: (64,)}


def _task(net, optimizer="adam", dtype="float32"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, *SHAPES[net])).astype("float32")
    y = rng.integers(0, 3, 70)
    keras.config.set_dtype_policy(dtype)
    try:
        model = keras.Sequential(net())
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return stuck_run_of(model, X, y, epochs=3, batch_size=16, shuffle=False)


def _trained(recipe, data, loop, validation=None):
    model = recipe.build(data, 3)
    keras.utils.set_random_seed(3)
    history = fit_recipe(model, recipe, data, 3, 0, 3, [], Loop(model) if loop else None, validation)
    return model, history.history


@pytest.mark.parametrize("net", SHAPES)
@pytest.mark.parametrize(
    "optimizer", ["adam", keras.optimizers.SGD(0.01, momentum=0.9, clipnorm=1.0, ema_momentum=0.9)]
)
def test_weights_and_history_are_those_of_keras_fit(net, optimizer):
    recipe, data = _task(net, keras.optimizers.get(optimizer))
    plain, told = _trained(recipe, data, loop=False, validation=data.validation)
    model, history = _trained(recipe, data, loop=True, validation=data.validation)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert history.keys() == told.keys()
    for name, series in told.items():
        np.testing.assert_allclose(history[name], series, atol=1e-5)


def test_mixed_precision_trains_as_keras_does():
    recipe, data = _task(_image_net, dtype="mixed_float16")
    plain, _ = _trained(recipe, data, loop=False)
    model, _ = _trained(recipe, data, loop=True)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_a_training_that_goes_on_is_one_that_never_stopped():
    recipe, data = stuck_run_of(dense(norm=True, dropout=0.3), *blobs(rows=200))
    whole, parts = recipe.build(data, 1), recipe.build(data, 1)
    keras.utils.set_random_seed(1)
    fit_recipe(whole, recipe, data, 1, 0, 4, [], Loop(whole))
    fit_recipe(parts, recipe, data, 1, 0, 2, [], loop := Loop(parts))
    fit_recipe(parts, recipe, data, 1, 2, 4, [], loop)
    for ours, theirs in zip(parts.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rows_come_in_a_new_order_every_epoch_and_all_of_them():
    seen = []

    class Watching(keras.layers.Layer):
        def call(self, x, training=False):
            if training:
                import tensorflow as tf

                tf.py_function(lambda rows: seen.append(rows.numpy().ravel().tolist()), [x], [])
            return x

    model = keras.Sequential([keras.Input((1,)), Watching(), layers.Dense(1)])
    model.compile("sgd", "mse")
    X = np.arange(7, dtype="float32")[:, None]
    Loop(model).fit(Batches(X, X, None, 4, shuffle=True), 0, 0, 2, [])
    assert [len(batch) for batch in seen] == [4, 3, 4, 3]
    first, second = seen[0] + seen[1], seen[2] + seen[3]
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second


def test_models_with_steps_of_their_own_and_large_or_foreign_data_are_left_to_keras():
    class Own(keras.Sequential):
        def train_step(self, data):
            return super().train_step(data)

    own, model = Own([keras.Input((2,)), layers.Dense(1)]), keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    own.compile("sgd", "mse")
    model.compile("sgd", "mse")
    X = np.zeros((4, 2))
    assert Loop.suits(model, X, {"a": X}, None)
    assert not Loop.suits(own, X)
    assert not Loop.suits(model, X.astype("datetime64[s]"))
    assert not Loop.suits(model, np.lib.stride_tricks.as_strided(X, (4, 1 << 22), (0, 0)))
