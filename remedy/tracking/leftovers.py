"""Runs that a process left open when it was killed: closed, and links to what never came to its end taken back.

Every run that remedy begins carries the tag `remedy.process`, host and process id. Only processes of this host can be
asked; on others a run stays as it is.
"""

from __future__ import annotations

import mlflow

from remedy.mlflow_plugin import PROCESS
from remedy.tracking import queries
from remedy.tracking.connection import asking
from remedy.tracking.lease import is_gone

FIXED_BY = "remedy.fixed_by_run_id"


@asking()
def close_leftovers(experiment: str | None = None) -> list[str]:
    """Close the runs of processes that are gone, and return what was done, a sentence each.

    Args:
        experiment: Its runs; those of all experiments where None.

    Raises:
        NotFound: There is no experiment of that name.
        StoreError: The store cannot be reached.
    """
    client, done = mlflow.MlflowClient(), []
    for run in queries.find_runs(experiment, "attributes.status = 'RUNNING'"):
        tags, run_id = run.data.tags, run.info.run_id
        if "remedy.role" not in tags or not is_gone(tags.get(PROCESS, "")):
            continue
        client.set_tag(run_id, "remedy.failure", "Its process was gone before it ended.")
        if tags["remedy.role"] == "fix":
            client.set_tag(run_id, "remedy.verdict", "interrupted")
        client.set_terminated(run_id, "KILLED")
        done.append(f"Run {run_id} ({tags['remedy.role']}) is closed: its process is gone.")
    for run in queries.find_runs(experiment, "tags.`remedy.role` = 'fit' and tags.`remedy.verdict` = 'stuck'"):
        fix = run.data.tags.get(FIXED_BY)
        found = queries.find_run(fix) if fix else None
        if fix and found is not None and found.info.status in ("KILLED", "FAILED"):
            client.delete_tag(run.info.run_id, FIXED_BY)
            done.append(f"Run {run.info.run_id} is no longer called fixed: run {fix} never came to its end.")
    return done
