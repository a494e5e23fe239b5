"""A search that was killed goes on, and repeats nothing that it had finished."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest

import remedy
from remedy import registry
from remedy.errors import InvalidInput
from remedy.search.study import Study
from remedy.tracking.connection import use_default_store
from remedy.tracking.queries import children
from remedy.training.engines._base import Job
from remedy.training.engines.resumed import RememberedEngine, from_dict, name, to_dict
from remedy.training.engines.scripted import ScriptedEngine

from .conftest import blobs, dense, stuck_run_of

SCRIPT = """
import sys
sys.path.insert(0, {root!r})
import remedy
from tests.conftest import sick_program

model, X, y = sick_program()
print("fitting", flush=True)
remedy.fit(model, X, y, epochs=12, verbose=0, experiment="sick", search=remedy.Search(timeout=90, seed=5))
"""


def _kept(store):
    return {p.name: p.stat().st_mtime_ns for p in store.rglob("trainings/*.json")}


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_in_the_shell_and_repeats_no_finished_training(store):
    root = str(Path(__file__).parents[1])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
    with subprocess.Popen([sys.executable, "-c", SCRIPT.format(root=root)], cwd=store, env=environment) as script:
        until = time.monotonic() + 120
        while len(_kept(store)) < 4 and script.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        script.send_signal(signal.SIGKILL)
    finished = _kept(store)
    assert len(finished) >= 4
    command = [sys.executable, "-m", "remedy", "tune", "--resume", "--timeout", "60", "--json"]
    done = subprocess.run(command, cwd=store, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (run_id, told), *others = json.loads(done.stdout).items()
    assert not others
    assert told["fix"]["score"] > told["fix"]["baseline_score"] + 0.2
    after = _kept(store)
    assert len(after) > len(finished)
    assert {n: after[n] for n in finished} == finished
    use_default_store()
    client = mlflow.MlflowClient()
    assert client.get_run(run_id).info.status == "KILLED"
    searches = children(run_id, "search")
    assert [r.info.status for r in searches] == ["FINISHED"]
    trials = [r.data.params["prescription"] for r in children(searches[0].info.run_id, "trial")]
    assert len(trials) == len(set(trials))
    again = subprocess.run(command[:-1], cwd=store, capture_output=True, text=True, env=environment, check=True)
    assert "No search was killed" in again.stdout


def test_remembered_trainings_are_given_back_in_order_and_the_others_trained():
    recipe, _ = stuck_run_of(dense(), *blobs(rows=60))
    inner = ScriptedEngine(lambda job, epoch: job.seed + 0.1 * epoch)
    jobs = [Job(recipe, seed, 2, f"job{seed}") for seed in range(5)]
    kept = {}
    first = RememberedEngine(inner, {}, kept.__setitem__)
    outcomes = [(job.key, outcome) for job, outcome in first.run([jobs[1], jobs[3]])]
    assert set(kept) == {name(jobs[1]), name(jobs[3])}
    again = RememberedEngine(inner, kept.copy(), kept.__setitem__)
    found = [(job.key, outcome) for job, outcome in again.run(jobs)]
    assert [key for key, _ in found] == [job.key for job in jobs]
    assert [found[1], found[3]] == outcomes
    assert [job.seed for job in inner.jobs] == [1, 3, 0, 2, 4]


def test_jobs_with_other_rows_seeds_or_epochs_are_other_trainings():
    recipe, _ = stuck_run_of(dense(), *blobs(rows=60))
    job = Job(recipe, 0, 2, "a")
    others = [Job(recipe, 1, 2, "a"), Job(recipe, 0, 3, "a"), Job(recipe, 0, 2, "a", rows=0.5)]
    others.append(Job(recipe, 0, 2, "a", judge_by="holdout"))
    assert len({name(j) for j in (job, *others)}) == 5
    assert name(job) == name(Job(recipe, 0, 2, "b", deadline=3.0))


def test_an_outcome_survives_its_file():
    recipe, _ = stuck_run_of(dense(), *blobs(rows=60))
    outcome = ScriptedEngine(lambda job, epoch: 0.1 * epoch).train(Job(recipe, 0, 3, "a"))
    again = from_dict(json.loads(json.dumps(to_dict(outcome))), registry.detectors())
    assert (again.scores, again.evidence.loss, again.seconds) == (
        outcome.scores,
        outcome.evidence.loss,
        outcome.seconds,
    )


def test_an_objective_of_the_users_own_has_to_be_given_again(store):
    def mine(y, p):
        return 0.0

    from remedy.reporting import search_log
    from remedy.tracking.opening import open_run

    with open_run("sick", None, None) as run:
        search = run.child("search", "search")
        search_log.write_options(search, remedy.Search(objective=mine, timeout=None, seed=3))
        with pytest.raises(InvalidInput, match="scored by mine"):
            search_log.unfinished_search(run.run_id, None)
        found, options = search_log.unfinished_search(run.run_id, remedy.Search(objective=mine, timeout=9))
        assert (found.run_id, options.seed, options.timeout, options.objective) == (search.run_id, 3, 9, mine)


def test_a_study_in_a_storage_takes_over_orphans_and_asks_for_nothing_twice(tmp_path):
    recipe, data = stuck_run_of(dense(), *blobs(rows=100))
    remedies = [r for r in registry.remedies() if r.name in ("learning-rate", "scale-inputs")]
    url = f"sqlite:///{tmp_path}/study.db"
    first = Study(recipe, data, remedies, 0, url)
    trial, drawn = first.ask(None, remedies)
    orphan, lost = first.ask(None, remedies)
    first.tell(trial, ScriptedEngine(lambda job, epoch: 0.5).train(Job(recipe, 0, 1, "a")))
    second = Study(recipe, data, remedies, 0, url)
    assert [t.state.name for t in second.optuna.trials] == ["COMPLETE", "FAIL"]
    assert second.ask(None, remedies)[1].key == drawn.key
    retried, again = second.ask(None, remedies)
    assert again.key == lost.key
    assert retried.number == orphan.number + 1
    assert len(second.optuna.trials) == 3
