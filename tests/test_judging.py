"""Three outcomes: stuck, healthy, not judged; a score is only used where it fits."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import remedy
from remedy.diagnosis import Examination, diagnose
from remedy.evidence.evidence import Evidence
from remedy.reporting import text as report

from .conftest import blobs, sick_program

QUIET = {"verbose": 0, "search": False}


def _contrastive(truth, distance):
    truth = ops.reshape(ops.cast(truth, distance.dtype), ops.shape(distance))
    return ops.mean(truth * distance**2 + (1 - truth) * ops.maximum(1.0 - distance, 0.0) ** 2)


def _siamese():
    rng = np.random.default_rng(0)
    X, y = [rng.standard_normal((200, 6)).astype("float32") for _ in range(2)], rng.integers(0, 2, 200)
    a, b = keras.Input((6,)), keras.Input((6,))
    code = layers.Dense(4)
    gap = layers.Subtract()([code(a), code(b)])
    far = layers.Lambda(lambda t: ops.sqrt(ops.sum(t**2, -1, keepdims=True) + 1e-6), output_shape=(1,))(gap)
    model = keras.Model([a, b], far)
    model.compile("adam", _contrastive)
    return model, X, y


def _mixture():
    X = np.random.default_rng(0).uniform(-1, 1, (200, 1)).astype("float32")

    def likelihood(truth, answer):
        mean, spread = answer[:, :1], ops.softplus(answer[:, 1:]) + 1e-3
        return ops.mean(ops.log(spread) + ((truth - mean) / spread) ** 2 / 2)

    model = keras.Sequential([keras.Input((1,)), layers.Dense(16, activation="relu"), layers.Dense(2)])
    model.compile("adam", likelihood)
    return model, X, X**2


def _two_heads():
    X, y = blobs()
    rows = keras.Input((6,))
    hidden = layers.Dense(8, activation="relu")(rows)
    model = keras.Model(rows, [layers.Dense(3, activation="softmax")(hidden), layers.Dense(1)(hidden)])
    model.compile("adam", ["categorical_crossentropy", lambda y, told: keras.ops.mean((y - told) ** 4)])
    return model, X, [y, X[:, :1]]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (_siamese, "its own loss _contrastive is laid on answers that are no probabilities"),
        (_mixture, "its own loss likelihood takes 2 answers for 1 value of y"),
        (_two_heads, "it has several outputs"),
    ],
)
def test_answers_that_fit_no_score_are_not_judged_and_that_is_said(store, program, why):
    result = remedy.fit(*program(), epochs=3, **QUIET)
    assert result.examination.outcome == "not judged"
    assert not result.stuck
    assert f"Not judged: {why}" in result.conclusion
    assert "Search(objective=...)" in result.conclusion


def test_an_autoencoder_is_a_regression_whatever_its_numbers():
    from remedy.data.fit_call import read_fit_call

    X = np.random.default_rng(0).integers(0, 17, (100, 8, 8, 1)).astype("float32")
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(1, 3, padding="same", activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    assert read_fit_call(model, X, X, {}).dataset.task == "regression"


def test_a_loss_of_anything_that_rests_where_nothing_else_is_known_is_not_called_healthy():
    flat = diagnose(Evidence(loss=(1.1,) * 10), ())
    assert flat.outcome == "not judged"
    assert "hardly moved" in report.verdict(flat)
    assert report.verdict_tags(flat)["remedy.verdict"] == "not judged"
    assert diagnose(Evidence(loss=(1.1, 0.9, 0.7, 0.5, 0.4)), ()).outcome == "healthy"
    assert diagnose(Evidence(loss=(1.1,) * 10, probe_score=(0.9,) * 10), ()).outcome == "healthy"
    assert Examination().outcome == "healthy"


@pytest.mark.parametrize("ended", [1, 2])
def test_a_run_broken_off_at_the_score_of_a_constant_answer_is_too_early_to_judge(store, ended):
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", epoch + 1 >= ended)
    )
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=10, callbacks=[stop], **QUIET)
    epochs = "1 of 10 epochs" if ended == 1 else "2 of 10 epochs"
    assert result.examination.outcome == "not judged"
    assert f"Not judged: after {epochs} its score" in result.conclusion
    assert "Outcome" not in str(result)
    assert diagnose(Evidence(probe_score=(0.6,), constant_score=0.5, loss=(0.6,)), ()).outcome == "healthy"


class Adversary(keras.Model):
    """Logs d_loss and g_loss, and no loss."""

    def __init__(self):
        super().__init__()
        self.net = layers.Dense(1)

    def call(self, x):
        return self.net(x)

    def train_step(self, data):
        return {"d_loss": ops.mean(self.net(data[0])) * 0 + 0.5, "g_loss": ops.convert_to_tensor(0.7)}


def test_a_train_step_that_logs_no_loss_is_not_called_stuck(store):
    model = Adversary()
    model.compile("adam", "mse")
    X, _ = blobs(rows=64)
    result = remedy.fit(model, X, X[:, :1], epochs=3, **QUIET)
    assert "non-finite-loss" not in {d.name for d in result.diagnoses}


def test_an_accuracy_on_numbers_says_nothing_of_a_regression(store):
    X, _ = blobs()
    y = X @ np.arange(6, dtype="float32")[:, None] / 5
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.05), "mse", metrics=["accuracy"])
    result = remedy.fit(model, X, y, epochs=12, **QUIET)
    assert result.evidence.probe_score[-1] > 0.95
    assert not result.stuck


def test_tune_treats_a_run_that_is_not_stuck_where_its_author_asks_for_it(store):
    X, y = blobs(rows=300)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(0.02), "categorical_crossentropy")
    run = remedy.fit(model, X, y, epochs=12, **QUIET)
    assert not run.stuck
    found = remedy.tune(run_id=run.run_id, search=remedy.Search(trials=2, timeout=8))
    assert found[run.run_id].course.attempts[1:]
