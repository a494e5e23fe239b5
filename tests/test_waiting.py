"""`remedy tune --dry-run` lists what would be treated, and trains nothing."""

import json
import subprocess
import sys

import mlflow
from click.testing import CliRunner

from remedy.cli import main
from remedy.tracking.connection import experiment_id, use_default_store


def _runs():
    use_default_store()
    client, within = mlflow.MlflowClient(), experiment_id("ecg")
    seen = {"remedy.role": "fit", "remedy.code": "OPT404", "remedy.cause": "constant-output", "remedy.stuck_epoch": "4"}
    for name, tags in {
        "stuck\x1b[2J": {**seen, "remedy.verdict": "stuck"},
        "fixed": {**seen, "remedy.verdict": "stuck", "remedy.fixed_by_run_id": "1"},
        "healthy": {"remedy.role": "fit", "remedy.verdict": "healthy"},
    }.items():
        client.create_run(within, run_name=name, tags=tags)


def test_runs_that_wait_are_listed_with_their_cause(store):
    _runs()
    done = CliRunner().invoke(main, ["tune", "-e", "ecg", "--dry-run"])
    assert done.exit_code == 0
    first, last = done.output.splitlines()
    assert first.endswith("stuck\\x1b[2J  OPT404 constant-output since epoch 4")
    assert last == "1 run would be treated."
    assert len(mlflow.search_runs(search_all_experiments=True, output_format="list")) == 3


def test_the_list_is_json_where_that_is_asked_for_and_loads_no_keras(store):
    _runs()
    script = (
        "import sys; from remedy.cli import main\ntry:\n    main()\nfinally:\n    assert 'keras' not in sys.modules"
    )
    command = [sys.executable, "-c", script, "tune", "-e", "ecg", "--dry-run", "--json"]
    done = subprocess.run(command, cwd=store, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = json.loads(done.stdout)
    assert (run["code"], run["stuck_epoch"], run["searched_by"]) == ("OPT404", "4", None)


def test_nothing_that_waits_is_said(store):
    use_default_store()
    experiment_id("ecg")
    done = CliRunner().invoke(main, ["tune", "-e", "ecg", "--dry-run"])
    assert "No run is stuck without a fix." in done.output
