"""The command line, in processes of its own where that is what counts."""

import json
import os
import subprocess
import sys

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner

import remedy
from remedy.cli import main

from .conftest import healthy_program, sick_program


@pytest.fixture
def stuck(store):
    """A stuck run in the default store of an empty folder."""
    model, X, y = sick_program()
    return remedy.fit(model, X, y, epochs=12, validation_split=0.2, verbose=0, search=False, experiment="sick")


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_tune_finds_and_fixes_a_stuck_run_in_a_new_process_without_the_script(stuck, store):
    command = [
        sys.executable,
        "-m",
        "remedy",
        "tune",
        "--experiment",
        "sick",
        "--timeout",
        "25",
        "--trials",
        "4",
        "--json",
    ]
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    done = subprocess.run(command, cwd=store, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)[stuck.run_id]
    assert told["fix"]["score"] > told["fix"]["baseline_score"] + 0.2
    tags = mlflow.MlflowClient().get_run(stuck.run_id).data.tags
    assert tags["remedy.fixed_by_run_id"] == told["fix"]["run_id"]
    runs = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert {"fit", "search", "trial", "fix"} <= {run.data.tags.get("remedy.role") for run in runs}
    again = subprocess.run(command[:-1], cwd=store, capture_output=True, text=True, env=environment, check=True)
    assert "No run is stuck without a fix" in again.stdout


def test_tune_refuses_other_data_unless_forced(stuck, store):
    np.savez(store / "other.npz", X=np.ones((50, 6)), y=np.eye(3)[np.arange(50) % 3])
    done = run("tune", "--run", stuck.run_id, "--data", "other.npz")
    assert done.exit_code == 5
    assert "--force" in done.output


def test_tune_says_what_to_do_when_no_data_was_kept(store):
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=6, verbose=0, search=False, log_data=False)
    done = run("tune", "--run", result.run_id)
    assert done.exit_code == 5
    assert "--data FILE.npz" in done.output


def test_tune_takes_a_loader_only_from_the_command_line(stuck, store, monkeypatch):
    (store / "loaders.py").write_text(
        "import numpy as np\ndef other():\n    return np.ones((40, 6)), np.eye(3)[np.arange(40) % 3]\n"
    )
    mlflow.MlflowClient().set_tag(stuck.run_id, "remedy.loader", "loaders:boom")
    done = run("tune", "--run", stuck.run_id, "--data", "loaders:other")
    assert "has digest" in done.output
    assert run("tune", "--run", stuck.run_id, "--data", "loaders:nothing").exit_code == 6


def test_diagnose_prints_the_verdict_and_exits_with_one_for_a_stuck_run(stuck):
    done = run("diagnose", "--run", stuck.run_id)
    assert done.exit_code == 1
    assert "Stuck since epoch 4: constant-output (OPT404)" in done.output
    told = json.loads(run("diagnose", "--experiment", "sick", "--json").output)
    assert told[stuck.run_id]["stuck"] is True


def test_diagnose_of_a_healthy_run_exits_with_zero(store):
    result = remedy.fit(*healthy_program(), epochs=5, verbose=0)
    assert run("diagnose", "--run", result.run_id).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["tune", "--experiment", "nowhere"], 3, "no experiment 'nowhere'"),
        (["diagnose", "--run", "0" * 32], 3, "no run"),
        (["explain", "OPT999"], 3, "remedy catalogue"),
        (["tune"], 2, "either --experiment NAME or --run ID"),
        (["diagnose", "--run", "a", "--experiment", "b"], 2, "either"),
        (["--tracking-uri", "http://127.0.0.1:9", "diagnose", "--run", "a"], 4, "does not answer"),
    ],
)
def test_a_wrong_call_gets_one_clear_line_and_its_exit_code(store, arguments, code, says):
    done = run(*arguments)
    assert done.exit_code == code
    assert says in done.output
    assert "Traceback" not in done.output


def test_explain_shows_the_page_of_a_detector_and_of_a_remedy():
    assert "Why it matters:" in run("explain", "GEN403").output
    assert "Why it matters:" in run("explain", "majority-collapse").output
    assert "per-sample; usually standard" in run("explain", "scale-inputs").output


def test_catalogue_lists_every_code():
    from remedy.registry import detector_classes

    told = json.loads(run("catalogue", "--json").output)
    assert [row["code"] for row in told] == [c.code for c in detector_classes()]
    assert next(row["remedies"] for row in told if row["code"] == "DAT102") == ["scale-inputs"]


def test_catalogue_lists_every_remedy_with_what_it_does_and_help_tells_the_exit_codes():
    from remedy.registry import remedy_classes

    told = run("catalogue").output
    assert all(f"\n{c.name} " in told for c in remedy_classes())
    assert "scale-inputs           Scale the inputs inside the model" in told
    said = run("--help").output
    assert "\\b" not in said
    assert "2 wrong options" in said


def test_doctor_prints_no_password(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@127.0.0.1:1/db")
    assert "secret" not in run("doctor", "--json").output


def test_doctor_shows_versions_and_the_store(store):
    told = json.loads(run("doctor", "--json").output)
    assert told["store reachable"] == "yes"
    assert told["backend"] in ("tensorflow", "jax", "torch")
    assert told["mlflow"] == mlflow.__version__


def test_ui_serves_mlflow_on_the_store(store):
    import socket
    import time
    import urllib.request

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "remedy", "ui", "--port", str(port), "--no-open"]
    server = subprocess.Popen(
        command, cwd=store, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        for _ in range(480):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
                    assert answer.status == 200
                    break
            except OSError:
                time.sleep(0.5)
        else:
            raise AssertionError("the UI did not answer within four minutes")
    finally:
        import signal

        os.killpg(server.pid, signal.SIGTERM)
        server.wait(20)
