"""Runs that a process left open when it was killed: closed, and links to what never came to its end taken back.

Every run that remedy begins carries the tag `remedy.process`. Only processes of this machine can be asked; runs of
others stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlflow

from remedy.mlflow_plugin import PROCESS
from remedy.tracking import queries
from remedy.tracking.connection import asking, first_line
from remedy.tracking.lease import is_gone
from remedy.tracking.waiting import FIXED_BY, STUCK


@asking()
def close_leftovers(experiment: str | None = None, run_id: str | None = None) -> list[str]:
    """Close the runs of processes that are gone, and return what was done, a sentence each.

    Args:
        experiment: Its runs; those of all experiments where None.
        run_id: Or those of the experiment of this run.

    Raises:
        NotFound: There is no experiment of that name.
        StoreError: The store cannot be reached.
    """
    if run_id is not None:
        within = queries.get_run(run_id).info.experiment_id
        experiment = mlflow.MlflowClient().get_experiment(within).name
    done = []
    for run in queries.find_runs(experiment, "attributes.status = 'RUNNING'"):
        if "remedy.role" in run.data.tags and is_gone(run.data.tags.get(PROCESS, "")):
            done.append(_told(run, _close))
    for run in queries.find_runs(experiment, STUCK):
        fix = queries.find_run(run.data.tags[FIXED_BY]) if FIXED_BY in run.data.tags else None
        if fix is not None and fix.info.status in ("KILLED", "FAILED"):
            done.append(_told(run, _unlink))
    return done


def _told(run: Any, change: Callable[[Any], str]) -> str:
    """Change a run, and say what was done; a run that may not be written never keeps the others open."""
    try:
        return change(run)
    except Exception as error:
        return f"Run {run.info.run_id} stays as it is: {first_line(error)}"


def _close(run: Any) -> str:
    client, run_id, role = mlflow.MlflowClient(), run.info.run_id, run.data.tags["remedy.role"]
    client.set_tag(run_id, "remedy.failure", "Its process was gone before it ended.")
    if role == "fix":
        client.set_tag(run_id, "remedy.verdict", "interrupted")
    client.set_terminated(run_id, "KILLED")
    return f"Run {run_id} ({role}) is closed: its process is gone."


def _unlink(run: Any) -> str:
    fix = run.data.tags[FIXED_BY]
    mlflow.MlflowClient().delete_tag(run.info.run_id, FIXED_BY)
    return f"Run {run.info.run_id} is no longer called fixed: run {fix} never came to its end."
