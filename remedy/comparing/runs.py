"""Two logged runs side by side: recipes where remedy logged them, else parameters; and what came of both."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from remedy.comparing.alignment import align
from remedy.comparing.attribution import OnTraining
from remedy.comparing.comparison import Comparison, compared, told
from remedy.comparing.difference import NONE, Difference
from remedy.data.dataset import Dataset
from remedy.errors import DataMismatch, InvalidInput, NotFound, visible
from remedy.recipe.recipe import Recipe
from remedy.tracking import artifacts, queries

FROM_RECIPE = frozenset(
    {"optimizer", "learning_rate", "loss", "class_weight", "batch_size", "epochs"}
    | {"architecture", "recipe", "task", "rows_train"}
)
"""Parameters that remedy logs and that the recipe says better."""

SMALLER = ("loss", "error", "mse", "mae", "rmse", "seconds", "time")
"""Parts of the names of metrics whose least value is the best."""

DIGEST = "remedy.data_digest"


def compare_runs(
    run_a: str,
    run_b: str,
    *,
    train: bool = False,
    epochs: int | None = None,
    seeds: Sequence[int] = (0, 1),
    data: Dataset | None = None,
    on_training: OnTraining | None = None,
) -> Comparison:
    """Say what differs between two MLflow runs, and with ``train=True`` which difference made the result.

    Of runs that `remedy.fit` logged, models and training are compared as `remedy.compare` does; of others the
    parameters, and what could not be seen is said.

    Args:
        run_a, run_b: Ids of runs.
        train: Train A, B, and A with every single difference of B, on the data of A (of B where that was not kept).
        epochs: Epochs of every training; None for those of either run.
        seeds: Every recipe is trained from each.
        data: The data, where the store did not keep it.
        on_training: Called with a name and a score after every training.

    Raises:
        NotFound: There is no such run.
        StoreError: The store cannot be reached.
        InvalidInput: Training was asked for, and one of the runs has no recipe.
        DataMismatch: Training was asked for, and the data of neither run was kept.
    """
    runs = queries.get_run(run_a), queries.get_run(run_b)
    recipes = [_recipe(run) for run in runs]
    notes = [note for side, run, recipe in zip("AB", runs, recipes, strict=True) for note in _notes(side, run, recipe)]
    known = frozenset(FROM_RECIPE if all(recipes) else ())
    more = _parameters(runs, known)
    digests = [_digest(run) for run in runs]
    if None in digests:
        notes.append("Whether both were trained on the same data is not known: a digest was not logged.")
    elif digests[0] != digests[1]:
        more.append(Difference("data", str(digests[0]), str(digests[1]), "digest"))
    names = (_name(runs[0]), _name(runs[1]))
    a, b = recipes
    if a is None or b is None:
        if train:
            missing = " and ".join(run.info.run_id for run, recipe in zip(runs, recipes, strict=True) if recipe is None)
            raise InvalidInput(f"Run {missing} has no recipe to train from: only runs of remedy.fit have one.")
        return Comparison(
            tuple(more), False, told(more, False), notes=tuple(notes), outcomes=_outcomes(runs), names=names
        )
    dataset = None
    if train:
        dataset = data if data is not None else _data(runs, digests)
        if len(set(digests)) > 1:
            notes.append(
                "The data was not exchanged: A and B were trained and scored on the same rows, "
                f"{'those given' if data is not None else 'those of one run'}."
            )
    if epochs is not None:
        a, b = a.replace(epochs=epochs), b.replace(epochs=epochs)
    return compared(
        align(a, b),
        None,
        dataset,
        more=more,
        notes=notes,
        outcomes=_outcomes(runs),
        names=names,
        seeds=seeds,
        on_training=on_training,
    )


def _recipe(run: Any) -> Recipe | None:
    try:
        return artifacts.read_recipe(run.info.run_id)
    except (NotFound, KeyError, TypeError, ValueError):  # None, or of a version that wrote it in another way.
        return None


def _notes(side: str, run: Any, recipe: Recipe | None) -> list[str]:
    """Say what a run does not have."""
    said = []
    if recipe is None:
        said.append(f"{side} has no recipe that can be read: its layers and its training could not be seen.")
    if not run.data.metrics:
        said.append(f"{side} logged no metrics.")
    return said


def _parameters(runs: Sequence[Any], known: frozenset[str]) -> list[Difference]:
    """Return parameters that differ; those that the recipes say are left out."""
    ours, theirs = (run.data.params for run in runs)
    names = sorted({*ours, *theirs} - known)
    found = [(name, ours.get(name, NONE), theirs.get(name, NONE)) for name in names]
    return [Difference("parameter", a, b, name) for name, a, b in found if a != b and _value(a) != _value(b)]


def _value(text: str) -> Any:
    """Return the number that a parameter is, so that 0.001 and 1e-3 are equal; other texts as they are."""
    try:
        return float(text)
    except ValueError:
        return text


def _digest(run: Any) -> str | None:
    """Return the digest of a run's data: remedy's own, or that of the first dataset logged as an input."""
    inputs = getattr(run.inputs, "dataset_inputs", None) or []
    found: str | None = run.data.tags.get(DIGEST) or next((entry.dataset.digest for entry in inputs), None)
    return found


def _data(runs: Sequence[Any], digests: Sequence[str | None]) -> Dataset:
    for run, digest in zip(runs, digests, strict=True):
        dataset = artifacts.load_data(run.info.run_id, digest) if digest else None
        if dataset is not None:
            return dataset
    raise DataMismatch(
        "The data of neither run was kept. Give it with --data FILE.npz or --data package.module:function."
    )


def _outcomes(runs: Sequence[Any]) -> dict[str, tuple[Any, Any]]:
    """Return status, tags and metrics of both, the last value of each metric and its best."""
    rows = [_outcome(run) for run in runs]
    return {name: (rows[0].get(name), rows[1].get(name)) for name in dict.fromkeys([*rows[0], *rows[1]])}


def _outcome(run: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"status": run.info.status}
    tags: Mapping[str, str] = run.data.tags
    told_of = {k: v for k, v in tags.items() if not k.startswith("mlflow.") and k != DIGEST}
    found |= {f"tag {name}": value for name, value in sorted(told_of.items())}
    for name, series in queries.history(run.info.run_id, run.data.metrics).items():
        finite = [value for value in series if math.isfinite(value)]
        if finite:
            best = min(finite) if any(part in name for part in SMALLER) else max(finite)
            found[f"{name}, final"] = series[-1] if math.isfinite(series[-1]) else str(series[-1])
            if len(series) > 1:
                found[f"{name}, best"] = best
    return found


def _name(run: Any) -> str:
    return f"{visible(run.info.run_name)} ({run.info.run_id})"
