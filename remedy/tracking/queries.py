"""What a store holds: finds runs, their children, their tags and histories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import mlflow
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from remedy.errors import NotFound, did_you_mean
from remedy.tracking.connection import (
    UNKNOWN,
    asking,
    how_to_restore,
    looked_in,
    require_reachable,
    use_default_store,
)


@asking()
def find_runs(experiment: str | None, filter_string: str) -> list[Any]:
    """Return all MLflow runs of an experiment (of all experiments where None) that pass a filter, newest first.

    Raises:
        NotFound: There is no experiment of that name, or it was deleted.
        StoreError: The store cannot be reached.
    """
    if experiment is not None:
        ids = [find_experiment(experiment)]
    else:
        require_reachable(use_default_store())
        ids = [e.experiment_id for e in mlflow.MlflowClient().search_experiments()]
    if not ids:
        return []  # Which MLflow takes for the experiment that is active.
    return list(mlflow.search_runs(experiment_ids=ids, filter_string=filter_string, output_format="list"))


@asking()
def find_experiment(name: str) -> str:
    """Return the id of an experiment.

    Raises:
        NotFound: There is no experiment of that name.
        StoreError: The store cannot be reached.
    """
    require_reachable(use_default_store())
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(name)
    if found is None:
        names = sorted(e.name for e in client.search_experiments())
        known = ", ".join(names[:10])
        raise NotFound(
            f"There is no experiment {name!r}.{did_you_mean(name, names)} Known are {known}, in {looked_in()}"
        )
    if found.lifecycle_stage == "deleted":
        raise NotFound(f"Experiment {name!r} was deleted. {how_to_restore(found)}")
    return str(found.experiment_id)


@asking()
def get_run(run_id: str) -> Any:
    """Return an MLflow run.

    Raises:
        NotFound: There is no run of that id, or it was deleted.
        StoreError: The store cannot be reached.
    """
    require_reachable(use_default_store())
    client = mlflow.MlflowClient()
    try:
        found = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code not in UNKNOWN:
            raise
        raise NotFound(f"There is no run {run_id!r} in {looked_in()}") from error
    if found.info.lifecycle_stage == "deleted":
        within = client.get_experiment(found.info.experiment_id)
        if within.lifecycle_stage == "deleted":
            raise NotFound(f"Run {run_id} was deleted with its experiment {within.name!r}. {how_to_restore(within)}")
        raise NotFound(f"Run {run_id} was deleted. Restore it with: mlflow runs restore --run-id {run_id}.")
    return found


@asking()
def children(run_id: str, role: str) -> list[Any]:
    """Return the runs of a role that hang below a run, oldest first."""
    client = mlflow.MlflowClient()
    parent = client.get_run(run_id)
    wanted = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}' and tags.`remedy.role` = '{role}'"
    return list(client.search_runs([parent.info.experiment_id], wanted, order_by=["attributes.start_time ASC"]))


@asking()
def history(run_id: str, keys: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """Return every metric's values in the order of their steps."""
    client = mlflow.MlflowClient()
    series = {}
    for key in keys:
        points = sorted(client.get_metric_history(run_id, key), key=lambda m: (m.step, m.timestamp))
        series[key] = tuple(float(p.value) for p in points)
    return series


def live_runs(experiment: str, since: int) -> list[Any]:
    """Return the runs of an experiment that are RUNNING, and those that ended since a moment.

    Args:
        experiment: Id of the experiment.
        since: Milliseconds since 1970.
    """
    client, found = mlflow.MlflowClient(), {}
    for condition in ("attributes.status = 'RUNNING'", f"attributes.end_time >= {since}"):
        token = None
        while True:
            page = client.search_runs([experiment], condition, max_results=1000, page_token=token)
            found.update({run.info.run_id: run for run in page})
            token = page.token
            if not token:
                break
    return list(found.values())


def find_run(run_id: str) -> Any | None:
    """Return a run, or None where it was deleted."""
    try:
        run = mlflow.MlflowClient().get_run(run_id)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return None if run.info.lifecycle_stage == "deleted" else run


def set_tags(run_id: str, tags: Mapping[str, str | None]) -> None:
    """Set tags of a run; None values are left out."""
    given = [RunTag(key, value) for key, value in tags.items() if value is not None]
    mlflow.MlflowClient().log_batch(run_id, tags=given)
