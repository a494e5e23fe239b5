"""One store a folder: what MLflow has begun is used, and "not found" says where was looked."""

import mlflow
import pytest
from click.testing import CliRunner

import remedy
from remedy.cli import main
from remedy.errors import NotFound
from remedy.tracking import queries
from remedy.tracking.connection import use_default_store

from .conftest import blobs, dense


def _fit(**kwargs):
    X, y = blobs()
    return remedy.fit(dense(), X, y, epochs=1, verbose=0, search=False, **kwargs)


def test_a_store_that_bare_mlflow_began_is_used(folder):
    with mlflow.start_run():
        mlflow.log_metric("loss", 1.0)
    mlflow.set_tracking_uri(None)
    result = _fit()
    assert use_default_store().endswith("/mlflow.db")
    assert not (folder / "mlruns" / "mlflow.db").exists()
    assert mlflow.get_run(result.run_id).data.tags["remedy.verdict"] == "healthy"


def test_a_store_of_remedys_own_stays_the_one_and_the_other_is_named(store):
    _fit(experiment="ours")
    mlflow.set_tracking_uri("sqlite:///mlflow.db")
    mlflow.set_experiment("theirs")
    mlflow.set_tracking_uri(None)
    with pytest.raises(NotFound) as told:
        queries.find_experiment("theirs")
    assert "mlruns/mlflow.db" in str(told.value)
    assert "remedy --tracking-uri sqlite:///mlflow.db" in str(told.value)
    with pytest.raises(NotFound, match="Did you mean 'ours'"):
        queries.find_experiment("our")


def test_tune_says_why_what_watch_found_cannot_be_treated(store):
    use_default_store()
    mlflow.set_experiment("torchy")
    with mlflow.start_run() as run:
        mlflow.set_tag("remedy.verdict", "stuck")
    said = CliRunner().invoke(main, ["tune", "-e", "torchy"])
    assert "found stuck by `remedy watch`" in said.output
    assert f"remedy diagnose --run {run.info.run_id}" in said.output


def test_diagnose_names_runs_and_the_next_command_and_has_one_line_for_what_was_not_seen(store):
    use_default_store()
    mlflow.set_experiment("torchy")
    with mlflow.start_run(run_name="resnet"):
        for step in range(20):
            mlflow.log_metric("train_loss", 2.3, step)
    said = CliRunner().invoke(main, ["diagnose", "-e", "torchy"]).output
    assert "resnet (" in said
    assert said.count("not seen") == 1
    assert "Next: remedy explain OPT403" in said
