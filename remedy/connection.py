"""Where runs go: the user's tracking store, or a local one; and whether it answers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from remedy.errors import StoreError


def use_default_store(root: str | Path = ".") -> str:
    """Point MLflow at ``<root>/mlruns/mlflow.db`` unless the user has set a tracking URI.

    Returns:
        The tracking URI in use.

    Raises:
        StoreError: The folder cannot be written.
    """
    if mlflow.is_tracking_uri_set():
        return str(mlflow.get_tracking_uri())
    folder = Path(root).resolve() / "mlruns"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written ({error.strerror}). Call mlflow.set_tracking_uri(...)."
        ) from error
    # Absolute, because MLflow resolves a relative URI once and keeps it after a chdir.
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    return str(mlflow.get_tracking_uri())


def require_reachable(uri: str, seconds: float = 5.0) -> None:
    """Check a store before work depends on it.

    Raises:
        StoreError: A server does not answer within ``seconds``, or a database cannot be opened.
    """
    if uri.startswith(("http://", "https://")):
        import requests

        try:
            # MLflow's own client would retry for minutes before it says the same.
            requests.get(uri.rstrip("/") + "/health", timeout=seconds)
        except requests.RequestException as error:
            raise StoreError(
                f"The tracking server {uri} does not answer ({type(error).__name__}). Is it running?"
            ) from error
    try:
        with silent_mlflow():  # The first use of a database announces every table it makes.
            mlflow.MlflowClient().search_experiments(max_results=1)
    except Exception as error:
        raise StoreError(f"The tracking store {uri} cannot be opened: {first_line(error)}") from error


def experiment_id(name: str | None) -> str | None:
    """Return the id of an experiment, made if need be; artifacts of a local store go beside it.

    Without a name MLflow's own choice is kept (``set_experiment`` or its environment variables,
    answered with None); where nobody chose, the experiment is called "remedy".
    """
    client = mlflow.MlflowClient()
    if name is None:
        chosen = getattr(mlflow.tracking.fluent, "_active_experiment_id", None)
        if chosen or os.environ.get("MLFLOW_EXPERIMENT_NAME") or os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return None
        name = "remedy"
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            raise StoreError(f"Experiment {name!r} was deleted; restore it in MLflow, or choose another name.")
        return str(found.experiment_id)
    uri = str(mlflow.get_tracking_uri())
    location = None
    if uri.startswith("sqlite:////"):
        folder = Path(uri.removeprefix("sqlite:///")).parent
        location = (folder / "artifacts" / _file_name(name)).as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException:
        other = client.get_experiment_by_name(name)  # Another process was quicker.
        if other is None:
            raise
        return str(other.experiment_id)


@contextmanager
def silent_mlflow() -> Iterator[None]:
    """Let MLflow say errors only."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its kind."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in name)
