"""Where runs go: the user's tracking store, or a local one; and whether it answers."""

from __future__ import annotations

import logging
import os
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mlflow
from mlflow.exceptions import MlflowException
from requests import RequestException

from remedy.errors import RemedyError, StoreError
from remedy.tracking.first_use import make_tables
from remedy.tracking.masking import masked
from remedy.tracking.timeouts import answer_within

DATABASES = ("sqlite", "postgresql", "mysql", "mssql")

UNKNOWN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""MLflow's words for an experiment or a run that is not there, and for what cannot be the id of one."""


def use_store(uri: str) -> None:
    """Let MLflow use a store from here on."""
    mlflow.set_tracking_uri(uri)


def use_default_store(root: str | Path = ".") -> str:
    """Point MLflow at ``<root>/mlruns/mlflow.db`` unless the user has set a tracking URI or has begun a run.

    Where that is not there, and MLflow finds a store of its own in the working folder, that one is used.

    Returns:
        The tracking URI in use.

    Raises:
        StoreError: The folder cannot be written.
    """
    if mlflow.is_tracking_uri_set() or mlflow.active_run() is not None:
        return str(mlflow.get_tracking_uri())
    folder = Path(root).resolve() / "mlruns"
    if not (folder / "mlflow.db").exists() and (known := _store_of_mlflow()) is not None:
        mlflow.set_tracking_uri(known)
        return known
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be written ({error.strerror}). Call mlflow.set_tracking_uri(...)."
        ) from error
    # Absolute, because MLflow resolves a relative URI once and keeps it after a chdir.
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    return str(mlflow.get_tracking_uri())


def _store_of_mlflow() -> str | None:
    """Return the store that MLflow by itself would use here, if it is there already."""
    uri = str(mlflow.get_tracking_uri())
    if uri.startswith("sqlite:///"):
        return uri if Path(unquote(uri.removeprefix("sqlite:///"))).exists() else None
    return uri if uri.startswith("file:") else None


def looked_in() -> str:
    """Return the store in use, and how to look into others that lie in the working folder, for "not found"."""
    uri = str(mlflow.get_tracking_uri())
    here = [Path("mlflow.db"), Path("mlruns") / "mlflow.db"]
    others = [f"sqlite:///{path}" for path in here if path.exists() and not uri.endswith(f"{path.resolve()}")]
    hint = "".join(f" There is another store beside it: remedy --tracking-uri {other} ..." for other in others)
    return f"{shown(uri)}.{hint}"


def ui_options() -> str | None:
    """Return what `remedy ui` needs in front of it to serve the store in use; None where that is a server already."""
    uri = str(mlflow.get_tracking_uri())
    if uri.startswith("http"):
        return None
    default = f"sqlite:///{Path.cwd() / 'mlruns' / 'mlflow.db'}"
    if uri == default:
        return ""
    masked = shown(uri) != uri  # A password is not printed; who has one keeps the address in the environment.
    return f" --tracking-uri {'$MLFLOW_TRACKING_URI' if masked else shlex.quote(uri)}"


def require_reachable(uri: str, seconds: int = 5) -> None:
    """Check a store before work depends on it.

    Raises:
        StoreError: A server does not answer within ``seconds`` or refuses, or a database cannot be opened.
    """
    try:
        # The first use of a database announces every table it makes.
        with silent_mlflow(), answer_within(seconds, retries=1, forced=True):
            if uri.partition("://")[0].partition("+")[0] in DATABASES:  # MLflow would try for minutes.
                make_tables(uri, seconds)
            mlflow.MlflowClient().search_experiments(max_results=1)
    except Exception as error:
        raise refusal(error, uri) from error


@contextmanager
def asking() -> Iterator[None]:
    """Turn what MLflow raises while a store is read into a `StoreError` of one line, within seconds."""
    try:
        with answer_within():
            yield
    except RemedyError:
        raise
    except Exception as error:
        raise refusal(error, str(mlflow.get_tracking_uri())) from error


def refusal(error: Exception, uri: str) -> StoreError:
    """Say in one line why a store gives no answer, and what to do."""
    store, code = shown(uri), getattr(error, "error_code", "")
    if code in ("UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"):
        return StoreError(
            f"The tracking server {store} refuses the credentials. "
            "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
        )
    if code == "PERMISSION_DENIED":
        return StoreError(f"The tracking server {store} does not permit this: {first_line(error)}")
    reason = error.__cause__ or error.__context__
    if isinstance(reason, RequestException):
        return StoreError(f"The tracking server {store} does not answer ({type(reason).__name__}). Is it running?")
    return StoreError(f"The tracking store {store} cannot be used: {first_line(error)}")


def shown(uri: str | None = None) -> str:
    """Return a URI, or that of the store in use, without its secrets."""
    return masked(uri or str(mlflow.get_tracking_uri()))


class Line:
    """What a run and the runs below it share: whether their store still answers; that it does not is said once."""

    def __init__(self) -> None:
        """Begin with a store that answers."""
        self.down = False
        self._lock = threading.Lock()

    def refused(self, run_id: str | None, error: Exception, name: str, last: bool) -> str | None:
        """Return what there is to say of a file that was not taken; None when the store's loss was said of another.

        Args:
            run_id: The run.
            error: What the store of files raised.
            name: Of the file.
            last: Whether no more files of this run are tried.
        """
        more = "no more of its files are tried" if last else "everything else of it is logged"
        return self._said(run_id, f"MLflow did not take {name} of run {run_id} ({first_line(error)}); {more}.")

    def failed(self, run_id: str | None, error: Exception) -> str | None:
        """Return what there is to say of a failed write; None when it was said of another."""
        text = f"MLflow refused ({first_line(error)}); run {run_id} is logged no further, the training goes on."
        return self._said(run_id, text)

    def _said(self, run_id: str | None, text: str) -> str | None:
        """Return a text where the store still answers; else, once, that it does not."""
        with self._lock:
            if self.down:
                return None
            try:
                require_reachable(str(mlflow.get_tracking_uri()))
            except StoreError as down:
                self.down = True
                return f"{down} Run {run_id} and all below it are logged no further, the training goes on."
        return text


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
            raise StoreError(f"Experiment {name!r} was deleted. {how_to_restore(found)} Or choose another name.")
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


def how_to_restore(experiment: Any) -> str:
    """Return the sentence that says how a deleted experiment comes back."""
    return f"Restore it with: mlflow experiments restore --experiment-id {experiment.experiment_id}."


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
    """Return the first line of an error's message without secrets, or its kind."""
    return masked(str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in name)
