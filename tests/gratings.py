"""Gratings in noise, and a small backbone that was trained on eight orientations of them."""

import functools

import keras
import numpy as np
from keras import layers

SIDE, CLASSES = 20, 8


def gratings(ids, rng, noise):
    """Return pixels from 0 to 255, shape (n, 20, 20, 1): one orientation a class, any phase."""
    place = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    angle = (np.pi * ids / CLASSES)[:, None, None]
    phase = rng.uniform(0, 2 * np.pi, (len(ids), 1, 1))
    wave = np.cos(1.3 * (place[0] * np.cos(angle) + place[1] * np.sin(angle)) + phase)
    return np.clip(127 + 45 * (wave + noise * rng.standard_normal(wave.shape)), 0, 255).astype("float32")[..., None]


def few(rows=120, seed=5):
    """Return few rows of four of the orientations under more noise: X and class ids."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 4, rows)
    return gratings(2 * ids + 1, rng, 1.6), ids.astype("int32")


def backbone(filters=(12, 16, 24)):
    """Return layers that take 0..255 and scale it themselves."""
    inner = [layers.Rescaling(1 / 127.5, -1)]
    for width in filters:
        inner += [layers.Conv2D(width, 3, padding="same", use_bias=False), layers.BatchNormalization(momentum=0.9)]
        inner += [layers.ReLU(), layers.MaxPooling2D()]
    inner += [layers.GlobalAveragePooling2D(), layers.Dense(24, activation="relu")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 1)), *inner], name="backbone")


@functools.cache
def weights():
    """Train the backbone on eight orientations; takes some seconds."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, CLASSES, 2000)
    keras.utils.set_random_seed(1)
    base = backbone()
    model = keras.Sequential([base, layers.Dense(CLASSES, activation="softmax")])
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(gratings(ids, rng, 1.0), ids, epochs=5, batch_size=64, verbose=0)
    return base.get_weights()


def fine_tuned(rate=1e-3, loaded=True, freeze=lambda layer: False):
    """Return a compiled net of the loaded backbone and a fresh head of four classes."""
    keras.utils.set_random_seed(3)
    base = backbone()
    if loaded:
        base.set_weights(weights())
    model = keras.Sequential([keras.Input((SIDE, SIDE, 1)), base, layers.Dense(4, activation="softmax", name="head")])
    for layer in (*base.layers, model.get_layer("head")):
        layer.trainable = not freeze(layer)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
