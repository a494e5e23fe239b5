"""`remedy.Recorder` logs and diagnoses a training from inside Keras' own fit."""

import subprocess
import sys
from pathlib import Path

import keras
import mlflow
import pytest

import remedy

from .conftest import healthy_program, sick_program


def _run(recorder):
    return mlflow.get_run(recorder.run_id)


def test_a_callback_logs_every_epoch_and_tags_a_stuck_run(store):
    model, X, y = sick_program()
    recorder = remedy.Recorder(X, y, experiment="own", quiet=True, batch_size=16)
    model.fit(X, y, epochs=6, batch_size=16, verbose=0, callbacks=[recorder])
    run = _run(recorder)
    assert recorder.examination.stuck
    assert run.data.tags["remedy.verdict"] == "stuck"
    assert run.data.params["batch_size"] == "16"
    assert len(mlflow.MlflowClient().get_metric_history(recorder.run_id, "loss")) == 6
    assert (run.info.status, mlflow.active_run()) == ("FINISHED", None)


def test_without_the_arrays_it_judges_what_keras_logs_and_says_what_it_did_not_see(store):
    model, X, y = sick_program()
    model.compile(keras.optimizers.SGD(1e30), "categorical_crossentropy", metrics=["accuracy"])
    recorder = remedy.Recorder(quiet=True)
    model.fit(X, y, epochs=3, verbose=0, callbacks=[recorder])
    assert "non-finite-loss" in [d.name for d in recorder.examination.diagnoses]
    assert "class-imbalance" in recorder.examination.not_recorded


def test_a_callback_changes_nothing_in_a_training(store):
    losses = []
    for callbacks in ([], [remedy.Recorder(*healthy_program()[1:], quiet=True)]):
        model, X, y = healthy_program()
        keras.utils.set_random_seed(7)
        losses.append(model.fit(X, y, epochs=3, verbose=0, callbacks=callbacks).history["loss"])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("held", [False, True])
def test_a_stream_is_left_where_it_is(store, held):
    import tensorflow as tf

    weights = []
    for watched in (False, True):
        model, X, y = healthy_program()
        stream = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(200, seed=1).batch(32)
        plain = stream if held else None
        recorder = remedy.Recorder(X if held else stream, y if held else None, validation_data=plain, quiet=True)
        given = (X, y) if held else (stream, None)
        if watched:
            with pytest.warns(remedy.RemedyWarning, match="does not read streams"):
                model.fit(*given, epochs=2, verbose=0, shuffle=False, validation_data=plain, callbacks=[recorder])
        else:
            model.fit(*given, epochs=2, verbose=0, shuffle=False, validation_data=plain)
        weights.append([w.tolist() for w in model.get_weights()])
    assert weights[0] == weights[1]


def test_a_training_begun_after_one_that_was_broken_off_is_no_part_of_it(store):
    model, X, y = healthy_program()

    class Breaks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    first, second = remedy.Recorder(quiet=True), remedy.Recorder(quiet=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y, verbose=0, callbacks=[first, Breaks()])
    model.fit(X, y, verbose=0, callbacks=[second])
    assert "mlflow.parentRunId" not in _run(second).data.tags
    assert _run(first).info.status != "RUNNING"
    assert mlflow.active_run() is None


def test_what_fails_while_the_run_is_written_down_costs_a_warning(store, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr("remedy.callback.write_end", full)
    model, X, y = healthy_program()
    with pytest.warns(remedy.RemedyWarning, match="could not be written .OSError: no space left"):
        history = model.fit(X, y, verbose=0, callbacks=[remedy.Recorder(X, y, quiet=True)])
    assert history.history["loss"]
    assert mlflow.active_run() is None


def test_each_training_of_one_callback_gets_a_run_and_one_that_broke_off_is_failed(store):
    model, X, y = healthy_program()
    recorder = remedy.Recorder(quiet=True)

    class Breaks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        model.fit(X, y, verbose=0, callbacks=[recorder, Breaks()])
    broken = recorder.run_id
    model.fit(X, y, verbose=0, callbacks=[recorder])
    assert recorder.run_id != broken
    assert mlflow.get_run(broken).info.status == "FAILED"
    assert _run(recorder).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("ending", "status"), [("raise OSError('gone')", "FAILED"), ("raise KeyboardInterrupt", "KILLED")]
)
def test_a_script_that_ends_in_the_middle_leaves_the_truth_behind(store, ending, status):
    script = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import keras, remedy
from tests.conftest import healthy_program

class Breaks(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        {ending}

model, X, y = healthy_program()
model.fit(X, y, verbose=0, callbacks=[remedy.Recorder(experiment="own", quiet=True), Breaks()])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=store, check=False)
    assert done.returncode != 0
    mlflow.set_tracking_uri(f"sqlite:///{store}/mlruns/mlflow.db")
    (run,) = mlflow.search_runs(experiment_names=["own"], output_format="list")
    assert run.info.status == status
    assert ending.split()[1].split("(")[0] in run.data.tags["remedy.failure"]
