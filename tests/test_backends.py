"""remedy runs on every backend of Keras 3 that is installed."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json
import keras, numpy as np, remedy
rng = np.random.default_rng(0)
y = rng.choice(3, size=400, p=[0.85, 0.1, 0.05])
X = (500 + 100 * (rng.normal(size=(400, 8)) + 2 * np.eye(8)[y])).astype("float32")
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, activation="relu"),
                          keras.layers.BatchNormalization(), keras.layers.Dropout(0.3),
                          keras.layers.Dense(3, activation="softmax")])
model.compile(keras.optimizers.SGD(1e-5), "sparse_categorical_crossentropy", metrics=["accuracy"])
result = remedy.fit(model, X, y, epochs=8, validation_split=0.2, verbose=0, search=remedy.Search(trials=9, timeout=150))
print(json.dumps({"backend": keras.backend.backend(), "names": [d.name for d in result.diagnoses], "run": result.run_id,
                  "epochs": len(result.history.epoch), "stuck": result.stuck,
                  "fix": result.fix.model.predict(X[:2], verbose=0).shape if result.fix else None}))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_program_is_watched_named_and_logged_on_another_backend(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: pip install 'mlflow-remedy[{backend}]'")
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"} | {"KERAS_BACKEND": backend}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["backend"] == backend
    assert {"class-imbalance", "unscaled-input"} <= set(told["names"])
    assert told["run"]
    assert "could not look" not in done.stderr
    assert "search failed" not in done.stderr
    assert told["epochs"] == 8 or told["fix"]
