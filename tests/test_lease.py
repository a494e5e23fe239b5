"""Two processes never search one run at the same time; a name that is left over stops nobody."""

import json
import os
import socket
import subprocess
import sys
import time

import mlflow
import pytest

import remedy
from remedy.errors import Searched
from remedy.mlflow_plugin import machine
from remedy.repair.tuning import tune
from remedy.tracking import lease
from remedy.tracking.queries import children

from .conftest import sick_program

HOST, SOON = socket.gethostname(), 1000.0


def process(pid, **other):
    """A process of this machine, or of one that differs."""
    of = dict(zip(("host", "machine", "start", "container"), machine(), strict=True)) | other
    return "|".join([*of.values(), str(pid)])


def name(process, seconds=SOON):
    return json.dumps({"process": process, "until": time.time() + seconds})


def gone():
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_live_process_of_this_host_holds_a_run():
    assert f"process {os.getppid()} on {HOST}" in lease.other_holder({lease.TAG: name(process(os.getppid()))})


def test_another_host_holds_a_run_until_its_time_is_over():
    far = process(1, host="elsewhere")
    assert "process 1 on elsewhere" in lease.other_holder({lease.TAG: name(far)})
    assert lease.other_holder({lease.TAG: name(far, seconds=-1.0)}) is None


def test_a_process_that_is_gone_holds_nothing():
    assert lease.other_holder({lease.TAG: name(process(gone()))}) is None


def test_of_another_container_or_another_machine_of_the_same_name_nothing_is_known():
    dead = gone()
    assert lease.is_gone(process(dead))
    assert not lease.is_gone(process(dead, container="pid:[1]"))
    assert not lease.is_gone(process(dead, machine="another", start="another"))
    assert not lease.is_gone(process(dead, host="another"))


def test_what_ran_before_this_machine_was_started_is_gone(monkeypatch):
    monkeypatch.setattr(lease, "machine", lambda: ("here", "machine", "today", "pid:[1]"))
    assert lease.is_gone("here|machine|yesterday|pid:[2]|1")
    assert not lease.is_gone("here||yesterday|pid:[2]|1")


@pytest.mark.parametrize("text", ["", "nobody", "[]", "{}", '{"process": 1}', '{"process": "a", "until": Infinity}'])
def test_a_tag_that_is_no_name_holds_nothing(text):
    assert lease.other_holder({lease.TAG: text}) is None
    assert lease.other_holder({}) is None


@pytest.fixture
def stuck(store):
    model, X, y = sick_program()
    return remedy.fit(model, X, y, epochs=12, verbose=0, experiment="sick", search=False).run_id


def test_a_run_that_another_process_searches_is_left_to_it(stuck):
    mlflow.MlflowClient().set_tag(stuck, lease.TAG, name(process(1, host="elsewhere")))
    with pytest.raises(Searched, match="elsewhere"):
        tune(run_id=stuck)
    assert "elsewhere" in tune("sick")[stuck].conclusion
    assert children(stuck, "search") == []


@pytest.mark.slow
def test_a_search_takes_its_name_away_and_a_dead_ones_is_passed_over(stuck):
    client = mlflow.MlflowClient()
    client.set_tag(stuck, lease.TAG, name(process(gone())))
    found = tune("sick", search=remedy.Search(trials=3, timeout=20))
    assert len(children(stuck, "search")) == 1
    assert "Not searched" not in found[stuck].conclusion
    assert lease.TAG not in client.get_run(stuck).data.tags


@pytest.mark.slow
def test_of_two_tunes_at_once_one_searches_the_run(stuck, store):
    command = [sys.executable, "-m", "remedy", "tune", "-e", "sick", "--timeout", "20", "--trials", "3", "--json"]
    quiet = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
    both = [subprocess.Popen(command, cwd=store, env=quiet, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert all(process.communicate()[0] for process in both)
    assert len(children(stuck, "search")) == 1


def test_a_run_that_cannot_be_read_never_ends_the_others(stuck, monkeypatch):
    def broken(run_id):
        raise KeyError("architecture")

    monkeypatch.setattr("remedy.tracking.artifacts.read_recipe", broken)
    assert "cannot be read (KeyError" in tune("sick")[stuck].conclusion
    assert lease.TAG not in mlflow.MlflowClient().get_run(stuck).data.tags
