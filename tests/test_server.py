"""remedy against real MLflow servers: over SQLite, over PostgreSQL, and one that asks for a password."""

import json
import os
import random
import time
import warnings

import keras
import mlflow
import numpy as np
import pytest
from click.testing import CliRunner

import remedy
from remedy.cli import main
from remedy.errors import RemedyWarning, StoreError
from remedy.tracking.artifacts import read_folder
from remedy.tracking.queries import children

from .conftest import dense, healthy_program, sick_program
from .servers import ADMIN, PASSWORD, free_port

QUICK = remedy.Search(trials=10, timeout=150, seed=0)


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def treated(request, servers):
    """A stuck program that was treated over a server, with its arrays kept; several tests look at it."""
    server = servers(request.param)
    mlflow.set_tracking_uri(server.uri)
    fit = {"epochs": 12, "batch_size": 32, "validation_split": 0.2, "verbose": 0, "log_data": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RemedyWarning)
        result = remedy.fit(*sick_program(), experiment="treated", search=QUICK, **fit)
    mlflow.set_tracking_uri(None)
    return server, result


@pytest.fixture(scope="module")
def small():
    """A healthy program that is compiled and traced once for all tests."""
    return healthy_program()


@pytest.fixture
def online(store, treated):
    """The server of `treated` as the store in use, and what was treated."""
    server, result = treated
    mlflow.set_tracking_uri(server.uri)
    return server, result


@pytest.fixture
def here(store, sqlite_server):
    """The server over SQLite as the store in use, in an empty folder."""
    mlflow.set_tracking_uri(sqlite_server.uri)
    return sqlite_server


def logged(run_id):
    return mlflow.MlflowClient().get_run(run_id)


def test_stuck_run_search_trials_and_fix_are_linked_both_ways_on_a_server(online):
    server, result = online
    assert result.fix is not None, result.conclusion
    stuck, fix = logged(result.run_id), logged(result.fix.run_id)
    assert stuck.data.tags["remedy.fixed_by_run_id"] == fix.info.run_id
    assert fix.data.tags["remedy.fixes_run_id"] == stuck.info.run_id
    assert fix.data.tags["mlflow.parentRunId"] == stuck.info.run_id
    assert fix.info.run_id in stuck.data.tags["mlflow.note.content"].splitlines()[0]
    assert stuck.info.run_id in fix.data.tags["mlflow.note.content"].splitlines()[0]
    (search,) = children(result.run_id, "search")
    trials = children(search.info.run_id, "trial")
    assert trials[0].data.params["prescription"] == "as it was"
    assert {r.info.status for r in (stuck, fix, search, *trials)} == {"FINISHED"}
    assert (
        result.run_url
        == f"{server.uri}/#/experiments/{stuck.info.experiment_id}/runs/{result.run_id}?workflowType=machine_learning"
    )


def test_metrics_and_artifacts_come_back_through_the_proxy_of_the_server(online, store):
    _, result = online
    client = mlflow.MlflowClient()
    stuck = logged(result.run_id)
    assert stuck.info.artifact_uri.startswith("mlflow-artifacts:")
    assert len(client.get_metric_history(result.run_id, "loss")) == len(result.history.epoch)
    assert {"curves.png", "before_and_after.png"} <= {a.path for a in client.list_artifacts(result.run_id)}
    kept = client.download_artifacts(result.run_id, "remedy/examination.json", str(store))
    with open(kept) as file:
        assert [d["code"] for d in json.load(file)["diagnoses"]] == [d.code for d in result.diagnoses]
    model_id = logged(result.fix.run_id).outputs.model_outputs[0].model_id
    loaded = mlflow.keras.load_model(f"models:/{model_id}")
    X = sick_program()[1][:20]
    np.testing.assert_allclose(loaded.predict(X, verbose=0), result.fix.model.predict(X, verbose=0), atol=1e-6)


def test_tune_fixes_a_run_with_the_arrays_that_the_server_kept(online):
    model, X, y = sick_program()
    fit = {"epochs": 12, "validation_split": 0.2, "verbose": 0, "search": False, "log_data": True}
    stuck = remedy.fit(model, X, y, experiment="later", **fit)
    command = ("tune", "--experiment", "later", "--timeout", "150", "--trials", "10")
    done = run(*command, "--json")
    assert done.exit_code == 0, done.output[-2000:]
    told = json.loads(done.stdout)[stuck.run_id]["fix"]
    assert told["score"] > told["baseline_score"] + 0.2
    assert logged(stuck.run_id).data.tags["remedy.fixed_by_run_id"] == told["run_id"]
    assert "No run is stuck without a fix" in run(*command).output


def test_a_killed_search_on_a_server_goes_on_with_what_it_had_finished(online):
    _, result = online
    client = mlflow.MlflowClient()
    (search,) = children(result.run_id, "search")
    assert "No search was killed" in run("tune", "--resume", "--run", result.run_id).output
    before = read_folder(search.info.run_id, "trainings")
    client.delete_tag(result.run_id, "remedy.fixed_by_run_id")
    client.set_terminated(search.info.run_id, "KILLED")
    done = run("tune", "--resume", "--run", result.run_id, "--timeout", "150", "--trials", "10", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)[result.run_id]["fix"]
    assert told["prescription"] == json.loads(json.dumps(result.fix.prescription.to_list()))
    assert read_folder(search.info.run_id, "trainings") == before
    assert logged(result.run_id).data.tags["remedy.fixed_by_run_id"] == told["run_id"] != result.fix.run_id


def test_tune_on_a_server_refuses_other_data(online, store):
    _, result = online
    np.savez(store / "other.npz", X=np.ones((50, 6)), y=np.eye(3)[np.arange(50) % 3])
    done = run("tune", "--run", result.run_id, "--data", "other.npz")
    assert done.exit_code == 5
    assert "--force" in done.output


def test_diagnose_reads_any_run_of_a_server(online):
    _, result = online
    assert "Stuck since epoch 4: constant-output" in run("diagnose", "--run", result.run_id).output
    with mlflow.start_run() as own:
        for step, loss in enumerate([0.9, 3.0, float("nan")]):
            mlflow.log_metric("train/loss", loss, step=step)
    done = run("diagnose", "--run", own.info.run_id)
    assert done.exit_code == 1
    assert "non-finite-loss" in done.output


def test_a_run_goes_to_the_experiment_and_the_server_that_the_environment_names(
    small, folder, sqlite_server, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", sqlite_server.uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "named outside")
    first = remedy.fit(*small, epochs=1, verbose=0)
    found = mlflow.get_experiment(logged(first.run_id).info.experiment_id)
    assert found.name == "named outside"
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    other = mlflow.create_experiment("known by its id")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", other)
    second = remedy.fit(*small, epochs=1, verbose=0)
    assert logged(second.run_id).info.experiment_id == other
    assert not (folder / "mlruns").exists()


def test_the_run_that_the_environment_names_is_gone_on_with_and_ended(small, here, monkeypatch):
    given = mlflow.MlflowClient().create_run(mlflow.create_experiment("started outside"))
    before = {e.name for e in mlflow.search_experiments()}
    monkeypatch.setenv("MLFLOW_RUN_ID", given.info.run_id)
    result = remedy.fit(*small, epochs=1, verbose=0, tags={"mine": "1"})
    found = logged(given.info.run_id)
    assert result.run_id == given.info.run_id
    assert found.info.status == "FINISHED"
    assert {"loss", "accuracy"} <= set(found.data.metrics)
    assert (found.data.tags["remedy.role"], found.data.tags["mine"]) == ("fit", "1")
    assert {e.name for e in mlflow.search_experiments()} == before


def test_the_users_active_run_is_used_and_left_open(small, here):
    with mlflow.start_run() as mine:
        result = remedy.fit(*small, epochs=1, verbose=0)
        assert result.run_id == mine.info.run_id
        assert mlflow.active_run().info.run_id == mine.info.run_id
        assert logged(mine.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("after", 1.0)


def test_the_tracking_uri_of_the_command_line_counts_more_than_the_environments(small, here, monkeypatch):
    result = remedy.fit(*small, epochs=3, verbose=0, experiment="found by option")
    mlflow.set_tracking_uri(None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    assert run("diagnose", "--run", result.run_id).exit_code == 4
    done = run("--tracking-uri", here.uri, "diagnose", "--experiment", "found by option", "--json")
    assert done.exit_code == 0
    assert set(json.loads(done.stdout)) == {result.run_id}


@pytest.fixture
def guarded(store, auth_server, monkeypatch):
    """The server with a password as the store in use; sets who asks."""
    mlflow.set_tracking_uri(auth_server.uri)

    def sign_in(user, password):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)

    sign_in(ADMIN, PASSWORD)
    return sign_in


def test_the_right_password_opens_a_guarded_server(small, guarded):
    result = remedy.fit(*small, epochs=3, verbose=0, experiment="guarded")
    assert logged(result.run_id).info.status == "FINISHED"
    assert run("diagnose", "--run", result.run_id).exit_code == 0
    assert "No run is stuck" in run("tune", "--experiment", "guarded").output


@pytest.mark.parametrize(
    "command", [("tune", "--experiment", "x"), ("diagnose", "--run", "0" * 32), ("tune", "--resume")]
)
def test_a_wrong_password_gets_one_clear_line(guarded, command):
    guarded(ADMIN, "wrong")
    done = run(*command)
    assert done.exit_code == 4
    assert "refuses the credentials. Set MLFLOW_TRACKING_USERNAME" in done.output
    assert done.output.count("\n") == 1
    assert run("doctor").exit_code == 4


def test_a_wrong_password_costs_the_log_and_not_the_training(small, guarded):
    guarded(ADMIN, "wrong")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = remedy.fit(*small, epochs=2, verbose=0)
    (only,) = [w for w in said if issubclass(w.category, RemedyWarning)]
    assert "refuses the credentials" in str(only.message)
    assert result.run_id is None
    assert len(result.history.epoch) == 2


def test_a_password_in_the_address_is_never_shown(small, guarded, auth_server):
    guarded("", "")
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        del os.environ[name]
    address = auth_server.uri.replace("://", f"://{ADMIN}:{PASSWORD}@")
    mlflow.set_tracking_uri(address)
    result = remedy.fit(*small, epochs=1, verbose=0)
    assert logged(result.run_id).info.status == "FINISHED"
    assert f"{ADMIN}:***@" in result.run_url
    wrong = address.replace(PASSWORD, "not-this-one")
    done = run("--tracking-uri", wrong, "diagnose", "--run", result.run_id)
    assert done.exit_code == 4
    assert "not-this-one" not in done.output


@pytest.fixture(scope="module")
def gone(servers):
    """Ids of runs that are deleted, that lie in a deleted experiment, and that logged nothing."""
    client = mlflow.MlflowClient(servers("sqlite").uri)
    with_runs, doomed = client.create_experiment("bare"), client.create_experiment("doomed")
    client.create_experiment("empty")
    deleted, buried, bare = (client.create_run(e).info.run_id for e in (with_runs, doomed, with_runs))
    client.log_metric(bare, "accuracy", 0.5)
    client.delete_run(deleted)
    client.delete_experiment(doomed)
    return {"deleted": deleted, "buried": buried, "bare": bare, "doomed": doomed}


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("diagnose --run {deleted}", 3, "mlflow runs restore --run-id {deleted}"),
        ("tune --run {deleted}", 3, "mlflow runs restore --run-id {deleted}"),
        ("diagnose --run {buried}", 3, "mlflow experiments restore --experiment-id {doomed}"),
        ("tune --experiment doomed", 3, "mlflow experiments restore --experiment-id {doomed}"),
        ("diagnose --experiment doomed", 3, "mlflow experiments restore --experiment-id {doomed}"),
        ("diagnose --run 00000000000000000000000000000000", 3, "There is no run"),
        ("diagnose --run ../../etc", 3, "There is no run"),
        ("tune --run a/b?c", 3, "There is no run"),
        ("diagnose --experiment nowhere", 3, "There is no experiment 'nowhere'"),
        ("tune --experiment nowhere", 3, "There is no experiment 'nowhere'"),
        ("diagnose --experiment empty", 3, "has no run"),
        ("diagnose --run {bare}", 3, "no loss was logged"),
        ("tune --run {bare}", 3, "was not logged by remedy.fit"),
        ("--tracking-uri nonsense diagnose --run {bare}", 4, "nonsense"),
        ("--tracking-uri ftp://127.0.0.1/store diagnose --run {bare}", 4, "ftp://127.0.0.1/store"),
        ("--tracking-uri http:// diagnose --run {bare}", 4, "http://"),
        ("--tracking-uri http://[fe80 diagnose --run {bare}", 4, "http://[fe80"),
        ("--tracking-uri postgresql+psycopg2://me:secret@127.0.0.1:{port}/x tune --experiment y", 4, "me:***@"),
        ("--tracking-uri http://127.0.0.1:{port} tune --experiment y", 4, "does not answer"),
        ("--tracking-uri http://no-such-host.invalid tune --resume", 4, "does not answer"),
    ],
)
def test_what_is_not_there_gets_one_clear_line_and_its_exit_code(here, gone, command, code, says):
    known = {**gone, "port": free_port()}
    began = time.monotonic()
    done = run(*(word.format(**known) for word in command.split()))
    assert done.exit_code == code, done.output
    assert says.format(**known) in done.stderr + done.stdout
    assert "Traceback" not in done.output
    assert "secret" not in done.output
    assert time.monotonic() - began < 90  # By itself MLflow would try for four minutes.
    if "no loss" not in says:
        assert done.output.count("\n") == 1, done.output


def test_debug_shows_where_an_error_comes_from(here):
    done = run("--debug", "diagnose", "--run", "0" * 32)
    assert type(done.exception).__name__ == "NotFound"


def test_an_experiment_that_was_deleted_costs_the_log_and_says_how_to_restore_it(small, here, gone):
    with pytest.warns(RemedyWarning, match=f"experiments restore --experiment-id {gone['doomed']}"):
        assert remedy.fit(*small, epochs=1, verbose=0, experiment="doomed").run_id is None


def _trained(fit, on_epoch):
    """Train a program whose data come from the user's random numbers; return its history and the warnings."""
    model, X, y = dense(), *healthy_program()[1:]
    keras.utils.set_random_seed(5)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=on_epoch)]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        done = fit(model, X, y, epochs=6, verbose=0, callbacks=callbacks, validation_split=0.2)
    history = getattr(done, "history", done)
    history = getattr(history, "history", history)
    return history, [w for w in said if issubclass(w.category, RemedyWarning)], random.random()


def test_a_server_that_dies_costs_one_warning_and_the_training_ends_as_without_it(here):
    """Last in this file: other tests start the server again."""
    plain, _, drawn = _trained(keras.Model.fit, lambda epoch, logs: None)

    def die(epoch, logs):
        if epoch == 2:
            here.stop()

    began = time.monotonic()
    history, said, then = _trained(remedy.fit, die)
    assert time.monotonic() - began < 90  # By itself MLflow would try for four minutes.
    assert history == plain
    assert then == drawn
    (only,) = said
    assert f"{here.uri} does not answer" in str(only.message)
    assert mlflow.active_run() is None
    with pytest.raises(StoreError, match="does not answer"):
        remedy.diagnose(run_id="0" * 32)
