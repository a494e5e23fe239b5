"""Watching live runs that something else logs: real stores, a real server, real processes."""

import io
import json
import os
import select
import shutil
import signal
import socket
import socketserver
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from mlflow.entities import Metric
from rich.console import Console

from remedy import registry
from remedy.cli import main
from remedy.errors import NotFound, StoreError
from remedy.monitoring.follow import Lines, follow
from remedy.monitoring.watch import Watch

from .bare_loop import trained
from .test_notify import hook  # noqa: F401

DETECTORS = registry.detectors()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database with the tables of MLflow, which take seconds to make, and an experiment "live"."""
    path = tmp_path_factory.mktemp("empty") / "own.db"
    mlflow.MlflowClient(f"sqlite:///{path}").create_experiment("live")
    return path


@pytest.fixture
def local(store, empty):
    """A client of a SQLite store with an empty experiment "live"."""
    shutil.copy(empty, store / "own.db")
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    return mlflow.MlflowClient()


def started(client, name="a loop", ago=0, **tags):
    """Start a run, so many seconds ago."""
    experiment = client.get_experiment_by_name("live").experiment_id
    at = int((time.time() - ago) * 1000)
    return client.create_run(experiment, start_time=at, run_name=name, tags=tags).info.run_id


def log(client, run_id, first=0, **series):
    """Log metrics as a loop does that ran a second a step and is up to date."""
    count = max(len(values) for values in series.values())
    start = int(time.time() * 1000) - 1000 * (first + count)
    points = [
        Metric(name.replace("__", "/"), float(v), start + 1000 * (first + i), first + i)
        for name, values in series.items()
        for i, v in enumerate(values)
    ]
    for at in range(0, len(points), 1000):
        client.log_batch(run_id, points[at : at + 1000])


def kinds(events):
    return [(e.event, e.code) for e in events]


def run(*arguments):
    return CliRunner().invoke(main, ["watch", *arguments])


def test_a_loop_with_a_flat_loss_is_said_tagged_and_counted_once(local):
    steps, _ = trained(batch=16, frozen=True)
    run_id, watch = started(local), Watch("live", DETECTORS)
    seen = []
    for at in range(0, len(steps), 400):
        log(local, run_id, at, train_loss=steps[at : at + 400])
        seen.append(watch.poll())
    flagged = [i for i, events in enumerate(seen) if ("stuck", "OPT403") in kinds(events)]
    assert flagged[0] < 3
    assert len(flagged) == 1
    (event,) = [e for e in seen[flagged[0]] if e.event == "stuck"]
    assert (event.run_id, event.run_name, event.cause) == (run_id, "a loop", "flat-loss")
    assert f"/runs/{run_id}" in event.run_url
    tags = local.get_run(run_id).data.tags
    assert (tags["remedy.verdict"], tags["remedy.cause"], tags["remedy.code"]) == ("stuck", "flat-loss", "OPT403")
    assert int(tags["remedy.stuck_step"]) == event.step < len(steps)
    assert watch.stuck == 1
    assert watch.poll() == []


def test_a_healthy_loop_is_left_alone_until_it_ends(local):
    steps, per_epoch = trained()
    run_id, watch = started(local), Watch("live", DETECTORS)
    for epoch, (_, held, accuracy) in enumerate(per_epoch):
        log(local, run_id, epoch * 50, train_loss=steps[epoch * 50 : epoch * 50 + 50])
        local.log_metric(run_id, "val_loss", held, step=epoch * 50 + 49)
        local.log_metric(run_id, "val_acc", accuracy, step=epoch * 50 + 49)
        assert watch.poll() == []
    local.set_terminated(run_id)
    (event,) = watch.poll()
    assert (event.event, event.message) == ("ended", "The run ended FINISHED; nothing said that it was stuck.")
    assert "remedy.verdict" not in local.get_run(run_id).data.tags
    assert watch.poll() == []


def test_a_run_that_began_and_ended_between_two_polls_is_examined(local):
    watch = Watch("live", DETECTORS)
    run_id = started(local)
    log(local, run_id, loss=[0.9, 3.0, float("nan")])
    local.set_terminated(run_id, "FAILED")
    events = watch.poll()
    assert kinds(events) == [("stuck", "OPT402"), ("ended", None)]
    assert "ended FAILED; it was stuck" in events[1].message


def test_only_what_is_new_is_read(local, monkeypatch):
    """Reads are counted in the database itself."""
    from sqlalchemy import event

    run_id, watch = started(local), Watch("live", DETECTORS)
    log(local, run_id, loss=np.linspace(2, 1, 3000), grad_norm=np.ones(3000))
    asked = []
    engine = local._tracking_client.store.engine

    def count(connection, cursor, statement, parameters, context, many):
        if "FROM metrics" in statement:
            asked.append(parameters)

    event.listen(engine, "before_cursor_execute", count)
    try:
        watch.poll()
        assert len(asked) == 1  # Of the loss alone: no detector asks for the other.
        watch.poll()
        assert len(asked) == 1
        log(local, run_id, 3000, loss=[0.99])
        watch.poll()
        assert len(asked) == 2
        assert 2999 in asked[1]  # From where the last reading ended.
    finally:
        event.remove(engine, "before_cursor_execute", count)


def test_a_run_that_stops_logging_is_silent_and_not_stuck_and_may_log_again(local):
    run_id, watch = started(local, ago=100), Watch("live", DETECTORS, silent_after=0.2)
    now = int(time.time() * 1000)
    falling = [Metric("loss", 2.0 / (i + 1), now - 90_000 + 1000 * i, i) for i in range(60)]
    local.log_batch(run_id, falling)
    (event,) = watch.poll()
    assert event.event == "silent"
    assert "silent since" in event.message
    assert watch.poll() == []
    assert "remedy.verdict" not in local.get_run(run_id).data.tags
    local.log_metric(run_id, "loss", 0.01, step=60)
    (event,) = watch.poll()
    assert (event.event, event.message) == ("note", "The run logs again.")


def test_a_pause_that_is_usual_for_the_run_is_no_silence(local):
    run_id, watch = started(local, ago=100), Watch("live", DETECTORS, silent_after=0.2)
    now = int(time.time() * 1000)
    local.log_batch(run_id, [Metric("loss", 2.0 / (i + 1), now - 20_000 * (5 - i), i) for i in range(5)])
    assert watch.poll() == []


def test_a_metric_that_is_no_finite_number_is_a_note_once(local):
    run_id, watch = started(local), Watch("live", DETECTORS)
    log(local, run_id, loss=[2.0, 1.5], grad_norm=[1.0, float("inf")], auc=[0.5, float("nan")])
    told = sorted(e.message for e in watch.poll())
    assert told == ["The metric auc is nan, no finite number.", "The metric grad_norm is inf, no finite number."]
    assert watch.poll() == []


def test_a_run_without_metrics_is_watched_in_silence_and_its_end_is_said(local):
    run_id, watch = started(local), Watch("live", DETECTORS)
    assert watch.poll() == []
    assert watch.runs == 1
    local.set_terminated(run_id)
    (event,) = watch.poll()
    assert "without a loss that could be examined; it logged no metric" in event.message


@pytest.mark.parametrize("gone", ["deleted", "purged"])
def test_a_run_that_is_deleted_while_it_is_watched_is_one_line(local, gone):
    run_id, watch = started(local), Watch("live", DETECTORS)
    log(local, run_id, loss=[2.0, 1.5])
    watch.poll()
    local.delete_run(run_id)
    if gone == "purged":
        local._tracking_client.store._hard_delete_run(run_id)
    (event,) = watch.poll()
    assert (event.event, event.message) == ("ended", "The run was deleted.")
    assert watch.poll() == []


def test_runs_that_remedy_logs_are_left_alone(local):
    for role in ("fit", "search", "trial", "fix"):
        log(local, started(local, role, **{"remedy.role": role}), loss=[float("nan")] * 3)
    watch = Watch("live", DETECTORS)
    assert watch.poll() == []
    assert watch.runs == 0


def test_a_store_that_may_only_be_read_does_not_hide_a_stuck_run(local, monkeypatch):
    def refused(*args):
        raise mlflow.exceptions.MlflowException("permission denied")

    monkeypatch.setattr("remedy.tracking.queries.set_tags", refused)
    log(local, started(local), loss=[1.0, float("nan")])
    log(local, started(local), loss=[1.0, float("nan")])
    watch = Watch("live", DETECTORS)
    assert sorted(e.event for e in watch.poll()) == ["error", "error", "stuck", "stuck"]
    assert (watch.stuck, watch.failures) == (2, 0)


def test_a_run_that_remedy_takes_over_while_it_is_watched_is_left_alone(local):
    run_id, watch = started(local), Watch("live", DETECTORS, silent_after=0.0)
    watch.poll()
    local.set_tag(run_id, "remedy.role", "fit")
    assert watch.poll() == []
    assert watch.runs == 0


def test_a_second_watch_knows_what_the_first_has_said(local):
    run_id = started(local)
    log(local, run_id, loss=[1.0, float("nan")])
    assert kinds(Watch("live", DETECTORS).poll()) == [("stuck", "OPT402")]
    second = Watch("live", DETECTORS)
    (event,) = second.poll()
    assert (event.event, second.stuck) == ("note", 1)
    assert "was found stuck before: non-finite-loss" in event.message


def test_tune_passes_over_what_a_watch_has_found(local):
    import remedy

    run_id = started(local)
    log(local, run_id, loss=[1.0, float("nan")])
    Watch("live", DETECTORS).poll()
    assert remedy.tune("live") == {}


def test_a_history_nobody_thought_of_costs_one_run_one_line(local):
    class Broken:
        tasks = None

        @property
        def name(self):
            raise ZeroDivisionError

    run_id, watch = started(local), Watch("live", [Broken()])
    log(local, run_id, loss=[2.0, 1.5])
    assert ["could not be examined" in e.message for e in watch.poll()] == [True]
    log(local, run_id, 2, loss=[1.4])
    assert watch.poll() == []


def test_once_prints_json_lines_and_its_exit_code_says_whether_a_run_is_stuck(local):
    assert run("-e", "live", "--once", "--json").exit_code == 0
    run_id = started(local)
    log(local, run_id, loss=[1.0, float("inf")])
    done = run("-e", "live", "--once", "--json")
    (told,) = [json.loads(line) for line in done.output.splitlines()]
    assert (told["event"], told["run_id"], told["code"], told["cause"]) == (
        "stuck",
        run_id,
        "OPT402",
        "non-finite-loss",
    )
    assert done.exit_code == 1
    again = run("-e", "live", "--once")
    assert again.exit_code == 1
    assert "note a loop" in again.output
    assert again.output.endswith("Watched live: 1 running, 0 ended, 1 stuck.\n")


def test_a_terminal_shows_a_live_line_and_brackets_as_they_are(local):
    log(local, started(local, "[red]x"), loss=[1.0, float("inf")])
    screen = io.StringIO()
    lines = Lines("live", console=Console(file=screen, force_terminal=True, width=200, color_system=None))
    assert follow(Watch("live", DETECTORS), lines, every=0.1, once=True)
    assert "stuck [red]x (" in screen.getvalue()
    assert "OPT402 non-finite-loss: The loss stopped being a finite number" in screen.getvalue()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-e", "nowhere", "--once"], 3, "no experiment 'nowhere'"),
        (["-e", "live", "--webhook", "example.org/x"], 2, "https://host/path"),
        (["-e", "live", "--on-stuck", "echo 'open"], 2, "Close the quote"),
        (["-e", "live", "--every", "0"], 2, "--every"),
        ([], 2, "--experiment"),
    ],
)
def test_a_wrong_call_of_watch_gets_its_exit_code_and_a_clear_line(local, arguments, code, says):
    done = run(*arguments)
    assert done.exit_code == code
    assert says in done.output
    assert "Traceback" not in done.output


def test_a_server_that_is_down_at_the_start_has_exit_code_4(store):
    done = CliRunner().invoke(main, ["--tracking-uri", "http://127.0.0.1:9", "watch", "-e", "live"])
    assert done.exit_code == 4
    assert "does not answer" in done.output


def test_wrong_credentials_have_exit_code_4_and_say_what_to_set(store):
    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(401)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Refusing)
    Thread(target=server.serve_forever, daemon=True).start()
    uri = f"http://127.0.0.1:{server.server_port}"
    done = CliRunner().invoke(main, ["--tracking-uri", uri, "watch", "-e", "live"])
    server.shutdown()
    server.server_close()
    assert done.exit_code == 4
    assert "MLFLOW_TRACKING_USERNAME" in done.output
    assert len(done.output.splitlines()) == 1


LOOP = """
import itertools, os, sys, time
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("live")
with mlflow.start_run(run_name="a process"):
    for step in itertools.count():
        mlflow.log_metric("train_loss", 2.3026, step=step)
        if step > 40:
            time.sleep(0.2)
        if os.path.exists("enough"):
            break
"""


def test_the_command_follows_a_loop_in_another_process_tells_once_and_ends_at_ctrl_c(local, store, hook):  # noqa: F811
    uri = mlflow.get_tracking_uri()
    (store / "loop.py").write_text(LOOP)
    (store / "told.sh").write_text('cat >> told.txt; echo " $REMEDY_CODE" >> told.txt; exit 7\n')
    hook.answers = [500]
    loop = subprocess.Popen([sys.executable, "loop.py", uri], cwd=store, stderr=subprocess.DEVNULL)
    command = [sys.executable, "-m", "remedy", "--tracking-uri", uri, "watch", "-e", "live", "--every", "0.3", "--json"]
    command += ["--on-stuck", "sh told.sh", "--webhook", hook.url]
    watch = subprocess.Popen(command, cwd=store, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = []
    try:
        while not told or told[-1]["event"] != "ended":
            told.append(json.loads(watch.stdout.readline()))
            (store / "enough").touch()
        watch.send_signal(signal.SIGINT)
        assert watch.wait(30) == 0, watch.stderr.read()
    finally:
        loop.kill()
        watch.kill()
    assert [e["event"] for e in told] == ["stuck", "error", "ended"]
    assert told[0]["code"] == "OPT403"
    assert "ended with code 7" in told[1]["message"]
    assert [posted["run_id"] for _, _, posted in hook.posted] == [told[0]["run_id"]] * 2  # The first was answered 500.
    given = (store / "told.txt").read_text()
    assert given.count("OPT403") == 2  # Once in the JSON, once in the environment.
    assert json.loads(given.rpartition(" ")[0])["message"] == told[0]["message"]


class Wire(socketserver.BaseRequestHandler):
    """Passes bytes on to the server behind and back."""

    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.behind)) as far:
            other = {self.request: far, far: self.request}
            while True:
                for end in select.select(list(other), [], [])[0]:
                    got = end.recv(65536)
                    if not got:
                        return
                    other[end].sendall(got)


class Server:
    """MLflow's own server application on a SQLite store, behind a wire that can be cut and mended."""

    def __init__(self, folder):
        with socket.socket() as near, socket.socket() as far:
            near.bind(("127.0.0.1", 0))
            far.bind(("127.0.0.1", 0))
            self.port, self.behind = near.getsockname()[1], far.getsockname()[1]
        command = [sys.executable, "-m", "flask", "--app", "mlflow.server:app", "run", "--port", str(self.behind)]
        given = {"cwd": folder, "env": os.environ | {"_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{folder}/own.db"}}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, start_new_session=True, **quiet, **given)
        self.uri = f"http://127.0.0.1:{self.port}"
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", self.behind), 1).close()
                break
            except OSError:
                time.sleep(0.2)
        self.mend()

    def mend(self):
        class Wires(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, block_on_close, behind = True, True, False, self.behind

        self.wires = Wires(("127.0.0.1", self.port), Wire)
        Thread(target=self.wires.serve_forever, daemon=True).start()

    def cut(self):
        self.wires.shutdown()
        self.wires.server_close()

    def end(self):
        self.cut()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


def test_a_server_that_goes_away_and_comes_back_is_one_line_each(local, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    server = Server(store)
    mlflow.set_tracking_uri(server.uri)
    client = mlflow.MlflowClient()
    try:
        run_id = started(client)
        log(client, run_id, loss=[2.0, 1.5, 1.2], val_loss=[2.0, 1.6, 1.4], auc=[0.5, 0.5, float("-inf")])
        watch = Watch("live", DETECTORS)
        assert [e.message for e in watch.poll()] == ["The metric auc is -inf, no finite number."]
        server.cut()
        (event,) = watch.poll()
        assert event.event == "error"
        assert "does not answer" in event.message
        assert watch.poll() == []
        assert watch.failures == 2
        server.mend()
        log(client, run_id, 3, loss=[1.1, float("nan")], val_loss=[1.3, float("nan")])
        events = watch.poll()
        assert kinds(events) == [("note", None), ("stuck", "OPT402")]
        assert "answers again" in events[0].message
        assert events[1].step == 4
        assert events[1].run_url.startswith(server.uri)
        assert watch.failures == 0
    finally:
        server.end()


def test_the_constructor_says_what_cannot_be_watched(local):
    with pytest.raises(NotFound, match="nowhere"):
        Watch("nowhere", DETECTORS)
    mlflow.set_tracking_uri("http://127.0.0.1:9")
    with pytest.raises(StoreError):
        Watch("live", DETECTORS)
