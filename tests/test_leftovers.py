"""What a killed process left open is closed, and what it did not bring to its end is called fixed no longer."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from click.testing import CliRunner

from remedy.cli import main
from remedy.mlflow_plugin import PROCESS, machine, this_process
from remedy.tracking.connection import experiment_id, use_default_store
from remedy.tracking.leftovers import close_leftovers
from remedy.tracking.waiting import FIXED_BY

SCRIPT = """
import sys
sys.path.insert(0, {root!r})
import remedy
from tests.conftest import sick_program
model, X, y = sick_program()
remedy.fit(model, X, y, epochs=12, verbose=0, experiment="sick", search=remedy.Search(timeout=40, seed=5))
"""
MOMENTS = (0.2, 1.0, 3.0, 6.0)
"""Seconds after the first run is there at which the process is killed: while it fits, searches, proves."""


def gone():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return "|".join([*machine(), str(process.pid)])


@pytest.fixture
def runs(store):
    """Make runs by role and process; the client and a function."""
    use_default_store()
    client, within = mlflow.MlflowClient(), experiment_id("ecg")

    def make(role, process, **tags):
        return client.create_run(within, tags={"remedy.role": role, PROCESS: process, **tags}).info.run_id

    return client, make


def test_runs_of_a_process_that_is_gone_are_closed_and_a_fix_without_an_end_is_none(runs):
    client, make = runs
    fix = make("fix", gone(), **{"remedy.verdict": "fixed"})
    stuck = make("fit", gone(), **{"remedy.verdict": "stuck", FIXED_BY: fix})
    told = close_leftovers()
    assert len(told) == 3
    assert client.get_run(fix).info.status == client.get_run(stuck).info.status == "KILLED"
    assert client.get_run(fix).data.tags["remedy.verdict"] == "interrupted"
    assert FIXED_BY not in client.get_run(stuck).data.tags
    assert close_leftovers("ecg") == []


def test_runs_of_living_processes_of_other_hosts_and_of_nobody_stay_open(runs):
    client, make = runs
    kept = [make("fit", this_process()), make("fit", "elsewhere||||1"), make("fit", "")]
    kept.append(client.create_run(experiment_id("ecg")).info.run_id)
    assert close_leftovers() == []
    assert {client.get_run(run).info.status for run in kept} == {"RUNNING"}


def test_a_fix_that_came_to_its_end_stays_linked(runs):
    client, make = runs
    fix = make("fix", gone())
    client.set_terminated(fix)
    stuck = make("fit", gone(), **{"remedy.verdict": "stuck", FIXED_BY: fix})
    close_leftovers()
    assert client.get_run(stuck).data.tags[FIXED_BY] == fix


def test_doctor_repairs_and_says_what_it_did(runs):
    _, make = runs
    run = make("search", gone())
    done = CliRunner().invoke(main, ["doctor", "--repair"])
    assert done.output == f"Run {run} (search) is closed: its process is gone.\n"
    assert "No run was left open" in CliRunner().invoke(main, ["doctor", "--repair"]).output


@pytest.mark.slow
@pytest.mark.parametrize("seconds", MOMENTS)
def test_after_a_kill_resume_leaves_no_run_open(store, seconds):
    quiet = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
    script = SCRIPT.format(root=str(Path(__file__).parents[1]))
    use_default_store()
    with subprocess.Popen([sys.executable, "-c", script], cwd=store, env=quiet) as process:
        until = time.monotonic() + 120
        while not mlflow.search_runs(search_all_experiments=True, output_format="list") and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
    command = [sys.executable, "-m", "remedy", "tune", "--resume", "--timeout", "30", "--json"]
    done = subprocess.run(command, cwd=store, capture_output=True, text=True, env=quiet, check=False)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    found = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert found
    assert [run.info.run_id for run in found if run.info.status == "RUNNING"] == []
    fixed = [run for run in found if FIXED_BY in run.data.tags]
    assert len(fixed) == sum(told["fix"] is not None for told in json.loads(done.stdout).values())
