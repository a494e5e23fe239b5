"""Five programs that people reported, small: everything that is wrong with them and can be measured is named."""

import keras
import numpy as np
import pytest
from keras import layers

from .watch import fitted


def _found(recorder):
    return {d.name: d for d in recorder.examination.diagnoses}


def _radio_frames(rows, rng):
    """Amplitude-keyed frames with 2, 4 or 8 levels, as (rows, 2, 128, 1) in-phase and quadrature, and their class."""
    ids = rng.integers(0, 3, rows)
    levels = np.array([2, 4, 8])[ids]
    symbols = (rng.random((rows, 16)) * levels[:, None]).astype(int) / (levels[:, None] - 1)
    wave = np.repeat(symbols, 8, axis=1) * np.exp(2j * np.pi * rng.random((rows, 1)))
    wave /= np.sqrt(np.mean(np.abs(wave) ** 2, axis=1, keepdims=True))
    wave += 0.1 * (rng.standard_normal(wave.shape) + 1j * rng.standard_normal(wave.shape))
    return np.stack([wave.real, wave.imag], axis=1)[..., None].astype("float32"), np.eye(3, dtype="float32")[ids]


@pytest.fixture(scope="module")
def radio():
    keras.utils.set_random_seed(0)
    X, y = _radio_frames(600, np.random.default_rng(0))
    model = keras.Sequential([keras.Input((2, 128, 1))])
    for width, depth in ((8, 2), (16, 2), (32, 3), (64, 3), (64, 3)):
        for _ in range(depth):
            model.add(layers.Conv2D(width, (1, 3), padding="same", activation="relu"))
        model.add(layers.MaxPooling2D((1, 2)))
    model.add(layers.Flatten())
    for _ in range(2):
        model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.003), "categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, X, y, epochs=6, batch_size=64, validation_split=0.15)


def test_a_deep_plain_stack_on_radio_frames_is_stuck_at_ln_3_by_the_sixth_epoch(radio):
    found = _found(radio)
    assert {"constant-output", "flat-loss"} & set(found)
    assert found["too-deep-without-normalization"].epoch == 0
    assert {"vanishing-gradients", "dead-units"} & set(found)
    assert abs(radio.evidence.prior_loss - np.log(3)) < 0.01


@pytest.fixture(scope="module")
def photos():
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    ids = rng.integers(0, 3, 300)
    waves = np.sin(np.arange(32) * np.array([0.3, 0.9, 1.8])[ids][:, None] + rng.random((300, 1)) * 6)
    X = 128 + 60 * waves[:, :, None, None] + 40 * rng.standard_normal((300, 32, 32, 3))
    model = keras.Sequential([keras.Input((32, 32, 3))])
    for width in (8, 16, 32):
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(3, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.03), "categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, X.clip(0, 255).astype("float32"), np.eye(3, dtype="float32")[ids], epochs=6, batch_size=16)


def test_raw_photos_in_a_relu_stack_give_one_class_and_dead_units(photos):
    found = _found(photos)
    assert photos.examination.stuck
    assert found["unscaled-input"].epoch == 0
    assert {"majority-collapse", "constant-output"} & set(found)
    assert "dead-units" in found


@pytest.fixture(scope="module")
def volumes():
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    ids = np.sort(np.arange(240) % 6)
    shapes = [(3, 16, 12, 1), *[(1, 16, 12, 1)] * 3]
    X = [
        (0.3 * rng.standard_normal((240, *s)) + 0.2 * ids[:, None, None, None, None]).astype("float32") for s in shapes
    ]
    inputs, branches = [], []
    for shape in shapes:
        first = keras.Input(shape)
        x = layers.MaxPooling3D(3, 2, padding="same")(layers.Conv3D(4, 3, padding="same", activation="relu")(first))
        x = layers.BatchNormalization()(x)
        inputs.append(first)
        branches.append(layers.Flatten()(x))
    x = layers.Dense(64, activation="relu")(layers.Concatenate()(branches))
    outputs = layers.Dense(6, activation="softmax")(layers.Dropout(0.5)(x))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, X, np.eye(6, dtype="float32")[ids], epochs=4, batch_size=100, validation_split=0.2)


def test_arrays_sorted_by_class_under_validation_split_are_found_before_the_first_epoch(volumes):
    found = _found(volumes)
    assert found["sorted-validation-split"].epoch == 0
    assert "validation_split" in found["sorted-validation-split"].message


def test_lagging_averages_of_the_volume_net_are_named_within_three_epochs(volumes):
    assert _found(volumes)["batchnorm-lag"].epoch <= 3


@pytest.fixture(scope="module")
def maps():
    keras.utils.set_random_seed(3)
    rng = np.random.default_rng(3)
    ids = (rng.random(300) < 0.23).astype(int)
    X = (rng.random((300, 28, 28, 1)) * 0.6 + 0.2 * ids[:, None, None, None]).astype("float32")
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(20, activation="relu"),
            layers.Dense(2, activation="softmax"),
        ]
    )
    metrics = [keras.metrics.FalseNegatives(), keras.metrics.TruePositives(), keras.metrics.Precision()]
    metrics += [keras.metrics.Recall(), "accuracy"]
    model.compile(keras.optimizers.Adam(1e-3), "categorical_crossentropy", metrics=metrics)
    y = np.eye(2, dtype="float32")[ids]
    return fitted(model, X, y, epochs=2, batch_size=1, steps_per_epoch=240, validation_split=0.2)


def test_metrics_without_a_class_and_batches_of_one_row_are_named_before_training(maps):
    found = _found(maps)
    assert found["class-blind-metrics"].epoch == 0
    assert found["extreme-batch-size"].epoch == 0
    assert found["class-blind-metrics"].severity == found["extreme-batch-size"].severity == "warning"
