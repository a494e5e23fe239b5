"""MLflow's client is told to give up soon, without touching the environment, which C libraries read in their threads."""

import os
import threading
import time

import pytest
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR as BAR
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES as RETRIES
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_TIMEOUT as TIMEOUT

import remedy
from remedy.errors import StoreError
from remedy.tracking.connection import require_reachable
from remedy.tracking.timeouts import answer_within

from .conftest import sick_program


def test_a_search_and_its_log_change_no_environment_variable(store, monkeypatch):
    changed = []
    monkeypatch.setattr(os, "putenv", lambda name, value: changed.append(name))
    monkeypatch.setattr(os, "unsetenv", changed.append)
    model, X, y = sick_program()
    search = remedy.Search(trials=1, timeout=5)
    assert remedy.fit(model, X, y, epochs=6, verbose=0, validation_split=0.2, search=search).stuck
    # MLflow keeps the address of the store there, once a process.
    assert not [name for name in changed if b"TELEMETRY" not in name and name != b"MLFLOW_TRACKING_URI"]
    assert changed.count(b"MLFLOW_TRACKING_URI") <= 1


def test_a_file_that_cannot_be_a_database_is_told_within_seconds(tmp_path):
    began = time.perf_counter()
    with pytest.raises(StoreError):
        require_reachable(f"sqlite:///{tmp_path}/nowhere/own.db")
    assert time.perf_counter() - began < 8


def test_waiting_is_short_inside_and_as_it_was_behind_it():
    before = RETRIES.get(), TIMEOUT.get(), BAR.get()
    with answer_within(7, retries=2):
        assert (RETRIES.get(), TIMEOUT.get(), BAR.get()) == (2, 7, False)
        with answer_within(retries=0, quiet=False):
            assert (RETRIES.get(), TIMEOUT.get(), BAR.get()) == (0, 7, False)
        assert RETRIES.get() == 2
    assert (RETRIES.get(), TIMEOUT.get(), BAR.get()) == before


def test_what_the_user_has_set_stays_unless_it_is_forced(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "55")
    with answer_within(7):
        assert TIMEOUT.get() == 55
        assert RETRIES.get() == 3
    with answer_within(7, forced=True):
        assert TIMEOUT.get() == 7
    assert TIMEOUT.get() == 55


def test_threads_that_end_in_another_order_leave_nothing_behind():
    before, inside, leave = RETRIES.get(), threading.Event(), threading.Event()

    def other():
        with answer_within(retries=1):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with answer_within(retries=2):
        thread.start()
        inside.wait(10)
        assert RETRIES.get() == 1
    assert RETRIES.get() == 1
    leave.set()
    thread.join()
    assert RETRIES.get() == before
