"""`remedy.autolog()` logs and diagnoses every fit of a script that does not know remedy."""

import keras
import mlflow
import pytest

import remedy
from remedy.errors import InvalidInput, RemedyWarning

from .conftest import blobs, dense, healthy_program, sick_program


@pytest.fixture
def autologged(store):
    """Autologging of an experiment, switched off afterwards."""
    remedy.autolog(experiment="auto")
    yield store
    remedy.autolog(disable=True)


def _runs(role="fit"):
    found = mlflow.MlflowClient().get_experiment_by_name("auto")
    wanted = f"tags.`remedy.role` = '{role}'"
    return mlflow.MlflowClient().search_runs([found.experiment_id], wanted, order_by=["attributes.start_time ASC"])


def test_every_fit_gets_its_run_and_keras_history_comes_back(autologged):
    model, X, y = sick_program()
    first = model.fit(X, y, epochs=6, verbose=0)
    second = dense().fit(*blobs(), epochs=2, batch_size=16, verbose=0)
    assert isinstance(first, keras.callbacks.History)
    assert len(first.history["loss"]) == 6
    assert first.remedy.stuck
    assert not second.remedy.stuck
    assert [r.data.tags["remedy.verdict"] for r in _runs()] == ["stuck", "healthy"]
    assert _runs()[1].data.params["batch_size"] == "16"


def test_a_fit_inside_a_fit_is_logged_below_it(autologged):
    inner, X, y = healthy_program()

    class Teacher(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            inner.fit(X, y, epochs=1, verbose=0)

    dense().fit(X, y, epochs=2, verbose=0, callbacks=[Teacher()])
    outer, *others = _runs()
    assert len(others) == 2
    assert {r.data.tags["mlflow.parentRunId"] for r in others} == {outer.info.run_id}
    assert mlflow.active_run() is None


def test_two_fits_in_a_run_of_the_users_own_do_not_write_over_each_other(autologged):
    model, X, y = healthy_program()
    mlflow.set_experiment("auto")
    with mlflow.start_run() as mine:
        model.fit(X, y, epochs=1, verbose=0)
        model.fit(X, y, epochs=3, verbose=0)
        assert mlflow.active_run().info.run_id == mine.info.run_id
    one, two = _runs()
    assert one.info.run_id == mine.info.run_id
    assert (one.data.params["epochs"], two.data.params["epochs"]) == ("1", "3")
    assert two.data.tags["mlflow.parentRunId"] == mine.info.run_id


def test_the_arguments_of_the_user_are_left_as_they_were(autologged):
    model, X, y = healthy_program()
    callbacks, weight = [keras.callbacks.TerminateOnNaN()], {0: 1.0, 1: 2.0, 2: 1.0}
    before = X.copy(), y.copy()
    model.fit(x=X, y=y, callbacks=callbacks, class_weight=weight, verbose=0)
    assert len(callbacks) == 1
    assert weight == {0: 1.0, 1: 2.0, 2: 1.0}
    assert (before[0] == X).all()
    assert (y == before[1]).all()


@pytest.mark.parametrize(("error", "status"), [(ValueError("no space"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_a_fit_that_breaks_off_says_so_in_its_run(autologged, error, status):
    model, X, y = healthy_program()

    class Breaks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise error

    with pytest.raises(type(error)):
        model.fit(X, y, epochs=3, verbose=0, callbacks=[Breaks()])
    (run,) = _runs()
    assert run.info.status == status
    assert type(error).__name__ in run.data.tags["remedy.failure"]


def test_what_remedy_cannot_read_is_trained_by_keras_and_bad_input_gets_keras_own_error(autologged):
    model, X, y = healthy_program()
    with pytest.raises(TypeError, match="epoch_count"):
        model.fit(X, y, epoch_count=3)
    with pytest.warns(RemedyWarning, match="Keras trains it alone"), pytest.raises(ValueError, match="compile"):
        keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)]).fit(X, y)


@pytest.mark.slow
def test_with_search_a_stuck_fit_is_repaired_and_trials_are_no_fits_of_the_user(store):
    remedy.autolog(experiment="auto", search=remedy.Search(trials=6, timeout=150))
    try:
        model, X, y = sick_program()
        history = model.fit(X, y, epochs=8, verbose=0)
    finally:
        remedy.autolog(disable=True)
    assert history.remedy.fix is not None
    assert len(_runs()) == 1
    assert len(_runs("trial")) >= 2


def test_switched_off_keras_is_as_it_was(store):
    own = keras.Model.fit
    remedy.autolog()
    remedy.autolog(experiment="again")
    assert keras.Model.fit is not own
    remedy.autolog(disable=True)
    assert keras.Model.fit is own
    assert "fit" not in vars(keras.Model)


def test_an_unknown_detector_is_refused_before_anything_is_changed(store):
    with pytest.raises(remedy.RemedyError, match="no-such-trouble"):
        remedy.autolog(detectors=["no-such-trouble"])
    assert "fit" not in vars(keras.Model)


def test_what_mlflows_own_autologging_writes_of_a_call_is_written_too(store):
    X, y = blobs()
    fit = {"epochs": 9, "batch_size": 32, "initial_epoch": 1, "steps_per_epoch": 5, "validation_split": 0.25}

    def train():
        keras.utils.set_random_seed(0)
        still = keras.callbacks.EarlyStopping("val_loss", min_delta=10.0, patience=2, restore_best_weights=True)
        dense().fit(X, y, verbose=0, callbacks=[still], **fit)

    mlflow.set_experiment("auto")
    mlflow.keras.autolog(log_models=False)
    try:
        with mlflow.start_run() as theirs:
            train()
    finally:
        mlflow.keras.autolog(disable=True)
    known = mlflow.get_run(theirs.info.run_id).data.params
    remedy.autolog(experiment="auto")
    try:
        train()
    finally:
        remedy.autolog(disable=True)
    (ours,) = _runs()
    for name in known:  # Keras counts optimizers up: adam, adam_1.
        if name.startswith("optimizer_") and name != "optimizer_name":
            assert ours.data.params[name] == known[name]
    for name in ("initial_epoch", "steps_per_epoch", "epochs", "batch_size"):
        assert ours.data.params[name] == str(fit[name])
    assert ours.data.params["patience"] == "2"
    assert (ours.data.metrics["stopped_epoch"], ours.data.metrics["restored_epoch"]) == (3.0, 1.0)
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(ours.info.run_id)}
    assert "model_summary.txt" in files


def test_a_model_is_kept_or_not_as_asked_and_registered_under_a_name(store):
    for wanted in (True, False):
        remedy.autolog(experiment="auto", log_models=wanted, registered_model_name="mine" if wanted else None)
        model, X, y = healthy_program()
        model.fit(X, y, epochs=3, batch_size=16, verbose=0)
    remedy.autolog(disable=True)
    kept = [len(r.outputs.model_outputs) for r in _runs()]
    assert kept == [1, 0]
    assert len(mlflow.MlflowClient().search_model_versions("name = 'mine'")) == 1


def test_every_few_batches_are_logged_where_asked(store):
    remedy.autolog(experiment="auto", log_every_n_steps=4)
    X, y = blobs(rows=96)
    dense().fit(X, y, epochs=2, batch_size=16, verbose=0)
    remedy.autolog(disable=True)
    (run,) = _runs()
    steps = [m.step for m in mlflow.MlflowClient().get_metric_history(run.info.run_id, "batch_loss")]
    assert steps == [4, 8, 12]
    with pytest.raises(InvalidInput, match="log_every_n_steps"):
        remedy.fit(dense(), X, y, log_every_n_steps=0)
    with pytest.raises(InvalidInput, match="log_every_n_steps"):
        remedy.autolog(log_every_n_steps=1.5)
    with pytest.raises(InvalidInput, match="cannot be registered"):
        remedy.autolog(log_models=False, registered_model_name="mine")


def test_the_model_of_the_best_epoch_is_kept_where_mlflow_looks_for_it(store):
    remedy.autolog(experiment="auto", checkpoint=True)
    model, X, y = healthy_program()
    worse = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate if epoch < 3 else 50.0)
    history = model.fit(X, y, epochs=5, validation_split=0.2, callbacks=[worse], verbose=0)
    remedy.autolog(disable=True)
    (run,) = _runs()
    kept = mlflow.tensorflow.load_checkpoint(run_id=run.info.run_id)
    kept_loss = kept.evaluate(X[-len(X) // 5 :], y[-len(y) // 5 :], verbose=0)[0]
    assert kept_loss == pytest.approx(min(history.history["val_loss"]), rel=1e-3)


def test_a_model_that_keras_cannot_save_costs_a_warning_and_no_training(store, monkeypatch):
    def refuse(*_, **__):
        raise NotImplementedError("no get_config")

    X, y = blobs(rows=96)
    model = dense()
    monkeypatch.setattr(model, "save", refuse)
    with pytest.warns(RemedyWarning, match="No checkpoints are kept"):
        result = remedy.fit(model, X, y, epochs=3, verbose=0, search=False, log_checkpoints=True)
    assert len(result.history.history["loss"]) == 3


def test_a_training_inside_a_run_of_ones_own_is_left_alone_where_asked(store):
    remedy.autolog(experiment="auto", exclusive=True)
    with mlflow.start_run() as mine:
        history = dense().fit(*blobs(), epochs=1, batch_size=16, verbose=0)
    remedy.autolog(disable=True)
    assert not hasattr(history, "remedy")
    assert "remedy.role" not in mlflow.get_run(mine.info.run_id).data.tags


def test_nothing_is_said_where_silence_is_asked_for(store, capsys, recwarn):
    model, X, y = sick_program()
    remedy.autolog(experiment="auto", silent=True)
    history = model.fit(X, y, epochs=6, verbose=2)
    remedy.autolog(disable=True)
    assert history.remedy.stuck
    assert "stuck" not in capsys.readouterr().out
    assert not [w for w in recwarn if issubclass(w.category, RemedyWarning)]
