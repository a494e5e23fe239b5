"""What remedy has to know of MLflow's inside: each name that MLflow does not promise, once, with a way around."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlflow


@contextmanager
def in_experiment(experiment_id: str | None) -> Iterator[None]:
    """Let MLflow go on with a run of an experiment that is not the one of ``mlflow.set_experiment``."""
    chosen = getattr(mlflow.tracking.fluent, "_active_experiment_id", None)
    if chosen is None or experiment_id is None:
        yield
        return
    mlflow.tracking.fluent._active_experiment_id = experiment_id
    try:
        yield
    finally:
        mlflow.tracking.fluent._active_experiment_id = chosen


def store() -> Any:
    """Return the store behind MLflow's client, which reads histories faster; None where it is kept elsewhere."""
    return getattr(getattr(mlflow.MlflowClient(), "_tracking_client", None), "store", None)


def last_points(run: Any) -> list[Any]:
    """Return every metric's last point with its step and time; empty where a run comes with values alone."""
    return list(getattr(run.data, "_metric_objs", ()))


def source_type(source: Any) -> str:
    """Return how MLflow calls the kind of a dataset's source."""
    return str(getattr(source, "_get_source_type", lambda: "code")())
