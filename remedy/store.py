"""What a store holds: finds runs and reads them back, and keeps the arrays that `remedy tune` needs."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
import numpy as np
from mlflow.entities import RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from remedy import arrays
from remedy.connection import (
    UNKNOWN,
    asking,
    first_line,
    how_to_restore,
    require_reachable,
    shown,
    use_default_store,
)
from remedy.dataset import Dataset, Rows
from remedy.errors import NotFound, StoreError
from remedy.patience import patience
from remedy.recipe import Recipe
from remedy.tracking import FOLDER

WEIGHTS = "kept_weights.npz"


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
        known = ", ".join(sorted(e.name for e in client.search_experiments())[:10])
        raise NotFound(f"There is no experiment {name!r} in {shown()}; it has: {known}.")
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
        raise NotFound(f"There is no run {run_id!r} in {shown()}.") from error
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
def read_folder(run_id: str, folder: str) -> dict[str, Any]:
    """Return the JSON artifacts of a folder in remedy's folder by name; a half-written one is left out."""
    found = {}
    with tempfile.TemporaryDirectory() as target:
        path = _download(run_id, f"{FOLDER}/{folder}", target)
        for file in path.glob("*.json") if path else ():
            with suppress(ValueError):
                found[file.stem] = json.loads(file.read_text())
    return found


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


@asking()
def read_json(run_id: str, name: str) -> Any:
    """Return a JSON artifact of remedy's folder.

    Raises:
        NotFound: The run has none of that name.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = _download(run_id, f"{FOLDER}/{name}", folder)
        if path is None:
            raise NotFound(f"Run {run_id} has no {FOLDER}/{name}: it was not logged by remedy.fit, or not to its end.")
        return json.loads(path.read_text())


def read_recipe(run_id: str) -> Recipe:
    """Return the recipe of a run, with the weights of its frozen and adapted layers.

    Raises:
        NotFound: The run has none.
    """
    recipe, kept = Recipe.from_dict(read_json(run_id, "recipe.json")), dict[str, list[Any]]()
    with tempfile.TemporaryDirectory() as folder:
        path = _download(run_id, f"{FOLDER}/{WEIGHTS}", folder)
        if path is not None:
            with np.load(path, allow_pickle=False) as pack:
                for key in pack.files:
                    kept.setdefault(key.partition("/")[2], []).append(pack[key])
    return recipe.replace(kept_weights=kept)


def keep_weights(run_id: str, weights: Mapping[str, list[Any]]) -> None:
    """Keep the weights that belong to a recipe, by layer, for `read_recipe`."""
    parts = {f"{i}/{name}": part for name, parts in weights.items() for i, part in enumerate(parts)}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / WEIGHTS, **parts)
        mlflow.MlflowClient().log_artifact(run_id, str(Path(folder) / WEIGHTS), FOLDER)


def _download(run_id: str, path: str, folder: str) -> Path | None:
    """Fetch one artifact; None where there is none.

    Its folder is asked first: a failed download does not tell a missing file from a store of artifacts that fails.
    """
    client = mlflow.MlflowClient()
    try:
        if path not in {there.path for there in client.list_artifacts(run_id, str(PurePosixPath(path).parent))}:
            return None
        return Path(client.download_artifacts(run_id, path, folder))
    except Exception as error:
        raise StoreError(f"The artifacts of run {run_id} cannot be read: {first_line(error)}") from error


def _data_folder(run: Any) -> Path | None:
    """Return where a local store keeps its arrays, beside the artifacts; None for a remote one."""
    uri = urlsplit(run.info.artifact_uri)
    if uri.scheme not in ("", "file"):
        return None
    # <root>/<experiment>/<run id>/artifacts -> <root>/data
    return Path(url2pathname(uri.path)).parents[2] / "data"


@patience()
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


@asking()
def load_data(run_id: str, digest: str) -> Dataset | None:
    """Return the dataset that `keep_data` kept, or None."""
    client = mlflow.MlflowClient()
    folder = _data_folder(client.get_run(run_id))
    if folder is not None:
        path = folder / f"{digest}.npz"
        return read_dataset(path.read_bytes()) if path.exists() else None
    with tempfile.TemporaryDirectory() as tmp:
        found = _download(run_id, f"{FOLDER}/data/{digest}.npz", tmp)
        return None if found is None else read_dataset(found.read_bytes())


def read_dataset(content: bytes) -> Dataset:
    """Read a dataset from the bytes of an ``.npz`` that `keep_data` wrote."""
    with np.load(io.BytesIO(content), allow_pickle=False) as pack:
        packed = {key: pack[key] for key in pack.files}
    sides = []
    for side in ("train", "validation"):
        parts = [arrays.restore_from_npz(packed, f"{side}/{part}") for part in ("X", "y", "sample_weight", "groups")]
        sides.append(None if parts[0] is None else Rows(*parts))
    return Dataset(sides[0], sides[1], str(packed["task"]))  # type: ignore[arg-type]
