"""The process engine: the same trainings in processes that stay, and none of them can take the search along."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import keras
import pytest

import remedy
from remedy import registry
from remedy.data.scores import scorer_for
from remedy.tracking.queries import children
from remedy.training.engines._base import Job
from remedy.training.engines.choice import engine_for
from remedy.training.engines.inline import InlineEngine
from remedy.training.engines.process import ProcessEngine

from .conftest import blobs, sick_program, stuck_run_of


class Doubled(keras.layers.Layer):
    """A layer of the user's own script."""

    def call(self, x):
        return 2 * x


class Deadly(keras.layers.Layer):
    """A layer that ends the process which trains it, unless that is the one that made it."""

    def __init__(self, pid=None, **kwargs):
        super().__init__(**kwargs)
        self.pid = pid

    def get_config(self):
        return {**super().get_config(), "pid": self.pid}

    def call(self, x):
        if os.getpid() != self.pid:
            os.kill(os.getpid(), signal.SIGKILL)
        return x


@pytest.fixture(scope="module")
def program():
    model = keras.Sequential([keras.Input((6,)), Doubled(), keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy")
    recipe, data = stuck_run_of(model, *blobs(rows=300))
    data = data.for_search(0)
    return recipe, data, scorer_for(data.task, data.holdout.target)


@pytest.fixture(scope="module")
def engine(program):
    _, data, scorer = program
    made = ProcessEngine(data, scorer, registry.detectors(), 2)
    yield made
    made.close()


def _jobs(recipe, prefix):
    return [
        Job(recipe.with_optimizer(learning_rate=r), i, 3, f"{prefix}{i}") for i, r in enumerate((0.003, 0.01, 0.03))
    ]


def test_processes_train_what_this_process_would_train(program, engine):
    recipe, data, scorer = program
    inline = InlineEngine(data, scorer, registry.detectors())
    found = {job.key: outcome.scores for job, outcome in engine.run(_jobs(recipe, "a"))}
    assert found == {job.key: inline.train(job).scores for job in _jobs(recipe, "a")}
    assert engine.suggest_rate(recipe, 0) == inline.suggest_rate(recipe, 0)


def test_a_job_goes_on_where_it_stopped_and_its_model_comes_back(program, engine):
    recipe, data, scorer = program
    jobs = _jobs(recipe, "b")
    first = {job.key: outcome for job, outcome in engine.run(jobs)}
    on = engine.train(Job(jobs[1].recipe, 1, 6, "b1"))
    assert on.scores[:3] == first["b1"].scores
    assert len(on.scores) == 6
    answers = engine.model("b1").predict(data.validation.X, verbose=0)
    assert scorer(data.validation.y, answers) == on.scores[-1]
    engine.forget("b1")
    assert engine.model("b1") is None


def test_an_answer_that_ctrl_c_left_unread_is_nobody_elses(program, engine):
    recipe, _, _ = program
    engine.train(Job(recipe, 3, 1, "asked"))
    owner = next(worker for worker in engine._workers if "asked" in worker.keys)
    owner.call("suggest_rate", recipe, 0)
    assert engine.model("asked") is not None


def test_a_killed_worker_costs_its_job_one_retry(program, engine):
    recipe, _, _ = program
    before = {worker.pid for worker in engine._workers}
    found = {}
    for job, outcome in engine.run(_jobs(recipe, "c")):
        if not found:
            os.kill(engine._workers[0].pid, signal.SIGKILL)
        found[job.key] = outcome
    assert [found[f"c{i}"].error for i in range(3)] == [None, None, None]
    assert len({worker.pid for worker in engine._workers} - before) <= 1


def test_a_job_that_kills_every_worker_is_given_up_with_the_reason(program, engine):
    _, data, _ = program
    model = keras.Sequential([keras.Input((6,)), Deadly(os.getpid()), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "categorical_crossentropy")
    recipe, _ = stuck_run_of(model, *blobs(rows=300))
    outcome = engine.train(Job(recipe, 0, 2, "deadly"))
    assert "died 2 times (exit code -9)" in outcome.error
    assert engine.train(_jobs(program[0], "d")[0]).error is None
    del data


def _stopped(engine, recipe, key):
    """Train a job, and stop the process that knows it; the worker and its process id."""
    engine.train(Job(recipe, 0, 1, key))
    owner = next(worker for worker in engine._workers if key in worker.keys)
    os.kill(owner.pid, signal.SIGSTOP)
    return owner, owner.pid


def test_a_worker_that_hangs_is_ended_and_its_job_tried_once_more(program, engine, monkeypatch):
    monkeypatch.setattr("remedy.training.engines.process.GRACE", 2.0)
    owner, stopped = _stopped(engine, program[0], "warm")
    outcome = engine.train(Job(program[0], 0, 2, "warm", seconds=1.0))
    assert outcome.error is None
    assert len(outcome.scores) == 2
    assert owner.pid != stopped


def test_a_job_that_hangs_to_its_deadline_is_given_up(program, engine, monkeypatch):
    monkeypatch.setattr("remedy.training.engines.process.GRACE", 1.0)
    _stopped(engine, program[0], "hung")
    outcome = engine.train(Job(program[0], 0, 2, "hung", deadline=engine.clock() + 1.0))
    assert outcome.error == "The process that trained it hung and was ended"


def test_a_deadline_holds_in_a_worker(program, engine):
    recipe, _, _ = program
    began = time.perf_counter()
    outcome = engine.train(Job(recipe, 7, 100_000, "long", deadline=engine.clock() + 3.0, stop_when_stuck=False))
    assert 0 < len(outcome.scores) < 100_000
    assert time.perf_counter() - began < 15


DRIVER = """
import time, keras
from remedy import registry
from remedy.data.scores import scorer_for
from remedy.training.engines._base import Job
from remedy.training.engines.process import ProcessEngine
from tests.conftest import blobs, dense, stuck_run_of
recipe, data = stuck_run_of(dense(), *blobs(rows=300))
data = data.for_search(0)
engine = ProcessEngine(data, scorer_for(data.task, data.holdout.target), registry.detectors(), 1)
engine.train(Job(recipe, 0, 1, "warm"))
print(engine._workers[0].pid, engine._folder.name, flush=True)
engine.train(Job(recipe, 0, 10**9, "long", stop_when_stuck=False))
"""


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc"), reason="asks Linux for processes")
def test_a_worker_and_its_copy_of_the_rows_end_with_a_driver_that_is_killed():
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True)
    worker, folder = driver.stdout.readline().split()
    time.sleep(1.0)
    assert _alive(int(worker))
    assert os.path.exists(folder)
    driver.kill()
    driver.wait()
    end = time.monotonic() + 10
    while _alive(int(worker)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _alive(int(worker))
    assert not os.path.exists(folder)


@pytest.mark.slow
def test_a_script_without_a_guard_is_not_run_again_by_the_workers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(
            """
            import numpy as np
            from remedy import registry
            from remedy.data.dataset import Dataset
            from remedy.data.rows import Rows
            from remedy.training.engines.process import ProcessEngine
            from remedy.data.scores import scorer_for

            print("begin")
            rows = Rows(np.zeros((20, 2), "float32"), np.arange(20) % 2)
            engine = ProcessEngine(Dataset(rows, rows, "binary"), scorer_for("binary", rows.y), registry.detectors(), 1)
            print(engine._ask(engine._workers[0], "learned", "nothing"))
            engine.close()
            """
        )
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["begin", "None"], done.stderr[-2000:]


def test_a_short_search_stays_in_this_process(program):
    _, data, scorer = program
    assert isinstance(engine_for(data, scorer, registry.detectors(), "auto", expected_seconds=30.0), InlineEngine)


def test_what_cannot_be_sent_to_a_process_is_trained_here_and_said(program):
    _, data, _ = program
    lock = threading.Lock()
    scorer = scorer_for("multiclass", data.holdout.target, lambda y, p: float(lock.locked()))
    with pytest.warns(match="No worker processes"):
        made = engine_for(data, scorer, registry.detectors(), 2, expected_seconds=0.0)
    assert isinstance(made, InlineEngine)


@pytest.mark.slow
def test_a_search_in_two_processes_finds_proves_and_logs_a_fix(store):
    before = set(multiprocessing.active_children())
    model, X, y = sick_program()
    options = remedy.Search(timeout=60, workers=2, seed=1)
    result = remedy.fit(model, X, y, epochs=12, verbose=0, experiment="sick", search=options)
    assert result.fix is not None, result.conclusion
    assert result.fix.score > result.fix.baseline_score + 0.2
    (search,) = children(result.run_id, "search")
    trials = children(search.info.run_id, "trial")
    assert trials[0].data.params["prescription"] == "as it was"
    assert {trial.info.status for trial in trials} <= {"FINISHED", "FAILED"}
    assert set(multiprocessing.active_children()) <= before
