"""Many first uses of one store at once: all are logged, and the store is whole."""

import shutil
import subprocess
import sys
import time

import mlflow
import pytest

from remedy.tracking.connection import require_reachable, use_default_store

from .servers import postgres

AT_ONCE = 8
LOGS = """
import sys, time
from remedy.tracking.connection import require_reachable
uri, begin = sys.argv[1], float(sys.argv[2])
import mlflow
mlflow.set_tracking_uri(uri)
time.sleep(max(0.0, begin - time.time()))
require_reachable(uri)
with mlflow.start_run(run_name=sys.argv[3]):
    mlflow.log_metric("loss", 1.0)
"""


def _all_at_once(uri, folder):
    begin = str(time.time() + 12)
    commands = [[sys.executable, "-c", LOGS, uri, begin, f"run {i}"] for i in range(AT_ONCE)]
    running = [subprocess.Popen(c, cwd=folder, stderr=subprocess.PIPE, text=True) for c in commands]
    ends = [(process.communicate()[1], process.returncode) for process in running]
    assert [code for _, code in ends] == [0] * AT_ONCE, "".join(text[-500:] for text, code in ends if code)


@pytest.mark.slow
def test_eight_first_uses_of_a_file_at_once_are_all_logged(folder):
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    _all_at_once(uri, folder)
    assert len(mlflow.MlflowClient(uri).search_runs(["0"])) == AT_ONCE
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_eight_first_uses_of_postgresql_at_once_are_all_logged(folder):
    with postgres() as uri:
        _all_at_once(uri, folder)
        assert len(mlflow.MlflowClient(uri).search_runs(["0"])) == AT_ONCE


def test_a_store_that_another_process_made_meanwhile_is_kept(folder, monkeypatch, empty_store):
    from remedy.tracking import first_use

    made, other = first_use._begin, folder / "mlruns" / "mlflow.db"

    def late(uri):
        made(uri)
        shutil.copy(empty_store, other)  # The other one was quicker.
        mlflow.MlflowClient(f"sqlite:///{other}").create_experiment("theirs")

    monkeypatch.setattr(first_use, "_begin", late)
    require_reachable(use_default_store())
    assert mlflow.MlflowClient().get_experiment_by_name("theirs") is not None


def test_a_file_system_without_links_gets_its_store_all_the_same(folder, monkeypatch):
    def refuses(*paths):
        raise OSError("no links here")

    monkeypatch.setattr("os.link", refuses)
    require_reachable(use_default_store())
    assert mlflow.MlflowClient().get_experiment("0").name == "Default"
