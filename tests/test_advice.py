"""What is said where a run learns all the same."""

import keras
import numpy as np

import remedy

from .conftest import dense, healthy_program


def test_a_healthy_run_with_batches_of_one_row_gets_the_lines_that_change_it(store, capsys):
    _, X, y = healthy_program()
    X, y = X[:150], y[:150]
    model = dense()
    fit = {"epochs": 3, "batch_size": 1, "validation_split": 0.2}
    result = remedy.fit(model, X, y, verbose=2, **fit)
    assert not result.stuck
    assert "extreme-batch-size" in {d.name for d in result.diagnoses}
    assert result.advice in capsys.readouterr().out
    names = {"model": dense(), "fit": fit, "keras": keras, "np": np, "X_train": X, "y_train": y}
    exec(result.advice, names)
    assert names["fit"] == {**fit, "batch_size": 32}


def test_a_healthy_run_without_a_fault_gets_no_advice(store):
    model, X, y = healthy_program()
    assert remedy.fit(model, X, y, epochs=8, verbose=0).advice is None


def test_advice_that_rewrites_layers_keeps_weights_that_were_loaded(store):
    X = np.random.default_rng(0).standard_normal((300, 6)).astype("float32")
    y = (X[:, 0] > 0).astype("int64")
    model = keras.Sequential(
        [
            keras.Input((6,)),
            *(keras.layers.Dense(8, name=f"body{i}") for i in range(2)),
            keras.layers.Dense(2, "softmax"),
        ]
    )
    body = [np.eye(6, 8) * 3, np.zeros(8)]
    model.get_layer("body0").set_weights(body)
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    result = remedy.fit(model, X, y, epochs=12, verbose=0, search=False)
    assert not result.stuck
    assert "missing-activation" in [d.name for d in result.diagnoses]
    assert "kept = [(layer.name, layer.get_weights())" in result.advice
