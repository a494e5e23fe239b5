import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import remedy

from ..conftest import blobs, dense


class Variational(keras.Model):
    """An autoencoder with a train_step of its own, as tutorials have it."""

    def __init__(self, weight, code=4):
        super().__init__()
        self.weight = weight
        self.encoder = keras.Sequential([keras.Input((32,)), layers.Dense(24, "relu"), layers.Dense(2 * code)])
        self.decoder = keras.Sequential([keras.Input((code,)), layers.Dense(24, "relu"), layers.Dense(32)])
        self.told = [keras.metrics.Mean(name) for name in ("loss", "reconstruction_loss", "kl_loss")]
        self.noise = keras.random.SeedGenerator(1)

    @property
    def metrics(self):
        return self.told

    def call(self, rows):
        return self.decoder(ops.split(self.encoder(rows), 2, -1)[0])

    def train_step(self, data):
        rows = data[0] if isinstance(data, tuple) else data
        with tf.GradientTape() as tape:
            mean, spread = ops.split(self.encoder(rows), 2, -1)
            code = mean + ops.exp(0.5 * spread) * keras.random.normal(ops.shape(mean), seed=self.noise)
            error = ops.mean(ops.sum(ops.square(rows - self.decoder(code)), -1))
            divergence = ops.mean(ops.sum(-0.5 * (1 + spread - ops.square(mean) - ops.exp(spread)), -1))
            loss = error + self.weight * divergence
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        for metric, value in zip(self.told, (loss, error, divergence), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self.told}


def _found(weight):
    rng = np.random.default_rng(0)
    rows = np.sin(np.linspace(0, 6, 32) * rng.integers(1, 4, (600, 1)) + rng.uniform(0, 6, (600, 1))).astype("float32")
    keras.utils.set_random_seed(0)
    model = Variational(weight)
    model.compile(keras.optimizers.Adam(5e-3))
    with pytest.warns(remedy.RemedyWarning):
        result = remedy.fit(model, rows, epochs=12, batch_size=32, verbose=0, search=False)
    return result.stuck, {d.name for d in result.diagnoses}


def test_a_code_that_says_nothing_of_its_row_is_named_by_the_divergence(store):
    stuck, found = _found(200.0)
    assert stuck
    assert found == {"posterior-collapse"}


def test_a_code_that_tells_rows_apart_is_left_alone(store):
    stuck, found = _found(0.05)
    assert not stuck
    assert not found


def test_a_divergence_between_answers_and_labels_may_be_small(store):
    X, y = blobs(rows=300, scale=1.0)
    for metric in (keras.metrics.KLDivergence(), keras.metrics.KLDivergence(name="kl")):
        model = dense()
        model.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy", metrics=[metric])
        result = remedy.fit(model, X, y, epochs=20, batch_size=16, verbose=0, search=False)
        assert result.history.history[metric.name][-1] < 0.01
        assert not result.stuck
