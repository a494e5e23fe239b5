from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers

import remedy
from remedy.detectors.drowned_output import DrownedOutput
from remedy.diagnosis import diagnose


@pytest.mark.parametrize(("scale", "stuck"), [(30_000.0, True), (1.0, False)], ids=["in the ten thousands", "scaled"])
def test_a_price_in_the_ten_thousands_drowns_a_class_and_a_scaled_one_does_not(store, scale, stuck):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((900, 8)).astype("float32")
    kind = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype("int64") + (X[:, 3] > 1)
    y = {"kind": kind, "price": scale * (1 + 0.3 * X[:, 4] + 0.1 * X[:, 5] * X[:, 0])}
    rows = keras.Input((8,))
    hidden = layers.Dense(32, activation="relu")(layers.Dense(64, activation="relu")(rows))
    heads = {"kind": layers.Dense(3, "softmax", name="kind")(hidden), "price": layers.Dense(1, name="price")(hidden)}
    model = keras.Model(rows, heads)
    model.compile(keras.optimizers.Adam(0.005), {"kind": "sparse_categorical_crossentropy", "price": "mse"})
    keras.utils.set_random_seed(0)
    result = remedy.fit(model, X, y, epochs=10, verbose=0, search=False)
    assert result.stuck == stuck
    assert ("drowned-output" in {d.name for d in result.diagnoses}) == stuck


def test_an_output_that_was_learnt_before_is_not_drowned():
    seen = replace(
        DrownedOutput.fires_on[0],
        metrics={"kind_loss": (0.053, 0.051, 0.05, 0.05), "price_loss": (28.0,) * 4, "kind_score": (0.96,) * 4},
    )
    assert not diagnose(seen, [DrownedOutput()]).diagnoses
