import keras
import numpy as np
import pytest
from keras import layers

from remedy.detectors.overfitting import Overfitting

from ..conftest import stuck_run_of
from ..watch import named, watched


def _noisy(rows):
    """Two columns of ten tell the class, and not for sure: what is beyond them can only be learned by heart."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, 10)).astype("float32")
    ids = (X[:, 0] + X[:, 1] + rng.standard_normal(rows) > 0).astype(int)
    model = keras.Sequential([keras.Input((10,)), layers.Dense(64, activation="relu")])
    model.add(layers.Dense(2, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.03), "categorical_crossentropy")
    return watched(*stuck_run_of(model, X, np.eye(2, dtype="float32")[ids], epochs=6, batch_size=16))


def test_eighty_rows_that_are_learned_by_heart_are_found_with_the_best_epoch():
    recorder = _noisy(100)
    found = next(d for d in recorder.examination.diagnoses if d.name == "overfitting")
    best = int(np.argmin(recorder.evidence.val_loss))
    assert found.measured["best_epoch"] == best + 1
    assert best + 4 <= found.epoch <= best + 5
    assert found.measured["rise"] > 0.5
    assert not recorder.examination.stuck


def test_the_same_net_on_many_rows_is_left_alone():
    recorder = _noisy(800)
    assert "overfitting" not in named(recorder)
    assert not recorder.examination.stuck


@pytest.mark.parametrize(
    ("loss", "val_loss"),
    [
        ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.6, 0.5, 0.45, 0.46, 0.48, 0.5]),
        ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.6, 0.5, 0.45, 0.4, 0.8, 0.9]),
        ([0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.6, 0.4, 0.6, 0.7, 0.9, 0.42]),
        ([0.6, 0.3, 0.4, 0.5, 0.7, 0.9], [0.6, 0.3, 0.5, 0.6, 0.8, 1.0]),
        ([0.6, 0.3, 0.1], [0.6, 0.9, 1.2]),
        ([0.6, 0.5, 0.4, 0.3, 0.2], [0.6, 0.5, 0.9, float("inf"), 2.0]),
    ],
    ids=["a small rise", "two epochs ago", "back again", "training gets worse as well", "too short", "not finite"],
)
def test_a_validation_loss_that_rose_otherwise_is_left_alone(loss, val_loss):
    assert Overfitting().detect(loss=loss, val_loss=val_loss) is None


def test_jitter_of_a_validation_loss_near_zero_is_left_alone():
    # Measured: three separable classes, Adam at 0.01, every validation row answered right from the third epoch on.
    loss = [1.6, 0.071, 0.011, 0.0041, 0.0022, 0.0014, 0.00098]
    val_loss = [0.024, 0.014, 0.00047, 0.00015, 0.00043, 0.00061, 0.0004]
    assert Overfitting().detect(loss=loss, val_loss=val_loss, prior_loss=1.0986) is None
