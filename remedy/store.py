"""What a store holds: finds runs and reads them back, and keeps the arrays that `remedy tune` needs."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from remedy import arrays
from remedy.connection import first_line, require_reachable, use_default_store
from remedy.dataset import Dataset, Rows
from remedy.errors import NotFound
from remedy.tracking import FOLDER


def find_runs(experiment: str | None, filter_string: str, limit: int = 200) -> list[Any]:
    """Return MLflow runs of an experiment (of all where None), newest first.

    Raises:
        NotFound: There is no experiment of that name.
        StoreError: The store cannot be reached.
    """
    require_reachable(use_default_store())
    client = mlflow.MlflowClient()
    if experiment is None:
        ids = [e.experiment_id for e in client.search_experiments()]
    else:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            known = ", ".join(sorted(e.name for e in client.search_experiments())[:10])
            raise NotFound(f"There is no experiment {experiment!r} in {mlflow.get_tracking_uri()}; it has: {known}.")
        ids = [found.experiment_id]
    return list(client.search_runs(ids, filter_string, max_results=limit))


def get_run(run_id: str) -> Any:
    """Return an MLflow run.

    Raises:
        NotFound: There is no run of that id.
        StoreError: The store cannot be reached.
    """
    require_reachable(use_default_store())
    try:
        return mlflow.MlflowClient().get_run(run_id)
    except MlflowException as error:
        raise NotFound(f"There is no run {run_id!r} in {mlflow.get_tracking_uri()}: {first_line(error)}") from error


def children(run_id: str, role: str) -> list[Any]:
    """Return the runs of a role that hang below a run, oldest first."""
    client = mlflow.MlflowClient()
    parent = client.get_run(run_id)
    wanted = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{run_id}' and tags.`remedy.role` = '{role}'"
    return list(client.search_runs([parent.info.experiment_id], wanted, order_by=["attributes.start_time ASC"]))


def read_folder(run_id: str, folder: str) -> dict[str, Any]:
    """Return the JSON artifacts of a folder in remedy's folder by name; a half-written one is left out."""
    found = {}
    with tempfile.TemporaryDirectory() as target:
        try:
            path = _download(run_id, f"{FOLDER}/{folder}", target)
        except Exception:  # There is none.
            return {}
        for file in Path(path).glob("*.json"):
            with suppress(ValueError):
                found[file.stem] = json.loads(file.read_text())
    return found


def history(run_id: str, keys: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """Return every metric's values in the order of their steps."""
    client = mlflow.MlflowClient()
    series = {}
    for key in keys:
        points = sorted(client.get_metric_history(run_id, key), key=lambda m: (m.step, m.timestamp))
        series[key] = tuple(float(p.value) for p in points)
    return series


def read_json(run_id: str, name: str) -> Any:
    """Return a JSON artifact of remedy's folder.

    Raises:
        NotFound: The run has none of that name.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = _download(run_id, f"{FOLDER}/{name}", folder)
        except Exception as error:
            raise NotFound(
                f"Run {run_id} has no {FOLDER}/{name}: it was not logged by remedy.fit, or not to its end."
            ) from error
        return json.loads(Path(path).read_text())


def _download(run_id: str, path: str, folder: str) -> str:
    """Fetch one artifact without MLflow's progress bar, which would end up in the output of a command."""
    name, before = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", os.environ.get("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR")
    os.environ[name] = "false"
    try:
        return str(mlflow.MlflowClient().download_artifacts(run_id, path, folder))
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _data_folder(run: Any) -> Path | None:
    """Return where a local store keeps its arrays, beside the artifacts; None for a remote one."""
    uri = urlsplit(run.info.artifact_uri)
    if uri.scheme not in ("", "file"):
        return None
    # <root>/<experiment>/<run id>/artifacts -> <root>/data
    return Path(url2pathname(uri.path)).parents[2] / "data"


def keep_data(run_id: str, dataset: Dataset, always: bool | None) -> bool:
    """Keep a dataset's arrays once by digest, for `remedy tune`.

    Args:
        run_id: The run that used them.
        dataset: What to keep.
        always: True keeps them as an artifact of a remote run too, and large ones; None keeps them for a
            local store only, unless they are larger than `arrays.LARGE_BYTES`; False never does.

    Returns:
        Whether they are kept.
    """
    if always is False:
        return False
    client = mlflow.MlflowClient()
    folder = _data_folder(client.get_run(run_id))
    if (folder is None or dataset.large) and not always:
        return False
    packed: dict[str, Any] = {"task": np.array(dataset.task)}
    for side, rows in (("train", dataset.train), ("validation", dataset.validation)):
        if rows is not None:
            for part in ("X", "y", "sample_weight", "groups"):
                packed |= arrays.flatten_for_npz(getattr(rows, part), f"{side}/{part}")
    if folder is None:
        with tempfile.TemporaryDirectory() as tmp:
            path = Path(tmp) / f"{dataset.digest}.npz"
            np.savez(path, **packed)
            client.log_artifact(run_id, str(path), f"{FOLDER}/data")
        return True
    target = folder / f"{dataset.digest}.npz"
    if not target.exists():
        folder.mkdir(parents=True, exist_ok=True)
        buffer = target.with_suffix(".part.npz")  # Never a half-written file under the final name.
        np.savez(buffer, **packed)
        buffer.replace(target)
    return True


def load_data(run_id: str, digest: str) -> Dataset | None:
    """Return the dataset that `keep_data` kept, or None."""
    client = mlflow.MlflowClient()
    folder = _data_folder(client.get_run(run_id))
    if folder is not None:
        path = folder / f"{digest}.npz"
        return read_dataset(path.read_bytes()) if path.exists() else None
    with tempfile.TemporaryDirectory() as tmp:
        try:
            found = _download(run_id, f"{FOLDER}/data/{digest}.npz", tmp)
        except Exception:
            return None
        return read_dataset(Path(found).read_bytes())


def read_dataset(content: bytes) -> Dataset:
    """Read a dataset from the bytes of an ``.npz`` that `keep_data` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as pack:
        packed = {key: pack[key] for key in pack.files}
    sides = []
    for side in ("train", "validation"):
        parts = [arrays.restore_from_npz(packed, f"{side}/{part}") for part in ("X", "y", "sample_weight", "groups")]
        sides.append(None if parts[0] is None else Rows(*parts))
    return Dataset(sides[0], sides[1], str(packed["task"]))  # type: ignore[arg-type]
