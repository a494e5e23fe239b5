"""What stands in the files of a run: recipes, weights, records as JSON, and the arrays that `remedy tune` needs."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import mlflow
import numpy as np

from remedy.data.dataset import Dataset
from remedy.data.files import APART, ROWS, packed, read_dataset
from remedy.data.heads import to_text
from remedy.errors import NotFound, StoreError
from remedy.recipe.recipe import Recipe
from remedy.tracking.connection import asking, first_line
from remedy.tracking.run import FOLDER
from remedy.tracking.timeouts import answer_within

DIGEST = re.compile("[0-9a-f]{32}")
"""What `remedy.data.arrays.digest` returns."""

WEIGHTS, APART_FILE = "kept_weights.npz", "apart.npz"


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
    _log_arrays(run_id, WEIGHTS, parts)


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


@answer_within()
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
    apart = packed(dataset, APART)
    if apart:  # Of this run: others may use the same rows without.
        _log_arrays(run_id, APART_FILE, apart)
    rows = {"task": np.array(dataset.task), "heads": np.array(to_text(dataset.heads)), **packed(dataset, ROWS)}
    if folder is None:
        _log_arrays(run_id, f"data/{dataset.digest}.npz", rows)
        return True
    target = folder / f"{dataset.digest}.npz"
    if not target.exists():
        folder.mkdir(0o700, parents=True, exist_ok=True)  # Rows may be patients.
        # Never a half-written file under the final name, nor two writers of one file.
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as buffer:
            try:
                np.savez(buffer, **rows)
                buffer.close()
                Path(buffer.name).replace(target)
            finally:
                Path(buffer.name).unlink(missing_ok=True)
    return True


@asking()
def load_data(run_id: str, digest: str) -> Dataset | None:
    """Return the dataset that `keep_data` kept, or None.

    Args:
        run_id: The run.
        digest: As its tag says; what is no digest names no file.
    """
    if not DIGEST.fullmatch(digest):  # Who may write a tag may not read the files of who tunes.
        return None
    client = mlflow.MlflowClient()
    folder = _data_folder(client.get_run(run_id))
    with tempfile.TemporaryDirectory() as tmp:
        kept = _download(run_id, f"{FOLDER}/data/{digest}.npz", tmp) if folder is None else folder / f"{digest}.npz"
        if kept is None or not kept.exists():
            return None
        apart = _download(run_id, f"{FOLDER}/{APART_FILE}", tmp)
        return read_dataset(kept.read_bytes(), None if apart is None else apart.read_bytes())


def _log_arrays(run_id: str, name: str, parts: Mapping[str, Any]) -> None:
    """Write arrays as a file of a run, in remedy's folder."""
    place = PurePosixPath(f"{FOLDER}/{name}")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / place.name, **parts)
        mlflow.MlflowClient().log_artifact(run_id, str(Path(folder) / place.name), str(place.parent))
