"""A run of MLflow, as remedy writes to it: parameters, metrics, tags, files, links, models.

Writing never raises. A file that is refused is missing, and that is said; the first other failure becomes a
`RemedyWarning` and the run goes on unlogged, so a dead server costs seconds and log lines, and not a training.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking.context.registry import resolve_tags
from mlflow.utils.mlflow_tags import LATEST_CHECKPOINT_ARTIFACT_TAG_KEY, MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import RemedyWarning
from remedy.mlflow_plugin import ROLE
from remedy.tracking.connection import (
    Line,
    shown,
    silent_mlflow,
)
from remedy.tracking.internals import in_experiment, source_type
from remedy.tracking.logged_model import log_model, unsaved
from remedy.tracking.saved_view import seed_view
from remedy.tracking.timeouts import RETRIES, answer_within

TRAINING_PAGES = "workflowType=machine_learning"
"""MLflow's UI opens on pages for language models without it."""

UI = "http://127.0.0.1:5000"
"""Where `remedy ui` serves a local store."""

WRITE_EVERY = 2.0
"""Seconds between two writes of metrics: one takes 5 to 20 ms, an epoch of a small program no longer."""

ANSWER = 10
"""Seconds that a server has to take up metrics, parameters or tags; a large file takes as long as it takes."""

MOST_REFUSED = 3
"""Files of a run that are refused before no more of them are tried: each costs seconds."""

MAX_TAG, MAX_PARAM = 5000, 6000
FOLDER = "remedy"
"""Artifact folder of everything that remedy writes beside the model."""
CHECKPOINTS = "checkpoints"
"""Artifact folder of the best model so far, by the name that MLflow's own autologging gives it."""


class Run:
    """One MLflow run that remedy writes to.

    Attributes:
        run_id, experiment_id: None while nothing is logged.
        line: Shared with the runs below it.
        family: Value of the tag that a stuck run, its search, its trials and its fix share.
    """

    def __init__(
        self,
        run_id: str | None,
        experiment: str | None,
        line: Line | None = None,
        family: str | None = None,
        shared: bool = False,
    ) -> None:
        """Wrap a run that exists; ``None`` gives a run that logs nowhere, ``shared`` says that its user writes, too."""
        self.run_id, self.experiment_id, self.family = run_id, experiment, family
        self.line = line or Line()
        self._writes = mlflow.MlflowClient() if run_id else None
        self._shared = shared
        self._waiting: list[Metric] = []
        self._sent = -math.inf
        self._held: dict[str, list[Any]] | None = None
        self._refused = 0

    @property
    def _client(self) -> mlflow.MlflowClient | None:
        """What writes; None once this run was refused, or the store was lost."""
        return None if self.line.down else self._writes

    @property
    def url(self) -> str | None:
        """Address of the run in MLflow's UI; for a local store, where `remedy ui` serves it."""
        if self.run_id is None:
            return None
        uri = shown()
        base = uri.rstrip("/") if uri.startswith("http") else UI
        return f"{base}/{self.link}"

    @property
    def link(self) -> str:
        """Address of the run relative to MLflow's UI, for descriptions."""
        return f"#/experiments/{self.experiment_id}/runs/{self.run_id}?{TRAINING_PAGES}"

    def child(self, name: str, role: str, tags: Mapping[str, str] | None = None) -> Run:
        """Start a run below this one; without MLflow's notion of an active run."""
        with self._guard():
            token = ROLE.set(role)
            try:
                # Context providers run for the fluent API only, so they are asked here.
                family = {"remedy.family": self.family} if self.family else {}
                stamped = {**resolve_tags(), **family, **(tags or {}), MLFLOW_PARENT_RUN_ID: self.run_id}
            finally:
                ROLE.reset(token)
            if self._client is not None:
                made = self._client.create_run(self.experiment_id, tags=stamped, run_name=name)
                return Run(made.info.run_id, self.experiment_id, self.line, self.family)
        return Run(None, None)

    def group_families(self) -> None:
        """Offer a view of the experiment in which a stuck run stands beside its fix."""
        if self._client is not None:
            seed_view(self._client, self.experiment_id)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, a hundred at a time; those that the user has logged already are left as they are."""
        items = [Param(_metric_name(k), str(v)[:MAX_PARAM]) for k, v in values.items()]
        if self._shared:
            with self._guard():
                known = self._client.get_run(self.run_id).data.params if self._client is not None else {}
                items = [item for item in items if item.key not in known]
        for start in range(0, len(items), 100):
            self._log(params=items[start : start + 100])

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log the finite metrics of one step, short steps together; MLflow's charts lose a metric that ends in NaN."""
        now = int(time.time() * 1000)
        self._waiting += [Metric(_metric_name(k), float(v), now, step) for k, v in values.items() if math.isfinite(v)]
        if time.monotonic() - self._sent >= WRITE_EVERY:
            self._write()

    def _write(self) -> None:
        """Send the metrics that wait."""
        waiting, self._waiting, self._sent = self._waiting, [], time.monotonic()
        for start in range(0, len(waiting), 500):
            self._log(metrics=waiting[start : start + 500])

    def series(
        self, name: str, values: Sequence[float], first: int = 0, params: Mapping[str, Any] | None = None
    ) -> None:
        """Log one metric over several steps, and up to a hundred parameters, in one call."""
        now = int(time.time() * 1000)
        points = [
            Metric(_metric_name(name), float(v), now, first + i) for i, v in enumerate(values) if math.isfinite(v)
        ]
        given = [Param(_metric_name(k), str(v)[:MAX_PARAM]) for k, v in (params or {}).items()]
        self._log(params=given, metrics=points[:500])
        for start in range(500, len(points), 500):
            self._log(metrics=points[start : start + 500])

    def tags(self, values: Mapping[str, Any]) -> None:
        """Set tags, behind the metrics that wait; None values are left out."""
        self._write()
        self._log(tags=[RunTag(k, str(v)[:MAX_TAG]) for k, v in values.items() if v is not None])

    def untag(self, name: str) -> None:
        """Take a tag away."""
        with self._guard(ANSWER):
            if self._client is not None and name in self._client.get_run(self.run_id).data.tags:
                self._client.delete_tag(self.run_id, name)

    def note(self, markdown: str) -> None:
        """Set the description."""
        self.tags({MLFLOW_RUN_NOTE: markdown})

    def json(self, name: str, value: Any) -> None:
        """Keep a JSON artifact in remedy's folder."""
        self.text(name, json.dumps(value, indent=1, default=str))

    def text(self, name: str, text: str) -> None:
        """Keep a text artifact in remedy's folder."""
        self.top_text(f"{FOLDER}/{name}", text)

    def top_text(self, name: str, text: str) -> None:
        """Keep a text at the top of the run's artifacts, where MLflow's own autologging has it."""
        with self._files(name) as client:
            if client is not None:
                client.log_text(self.run_id, text, name)

    def file(self, path: Path) -> None:
        """Keep a file, such as a picture, at the top of the run's artifacts."""
        with self._files(path.name) as client:
            if client is not None:
                client.log_artifact(self.run_id, str(path))

    def checkpoint(self, path: Path, told: Mapping[str, float]) -> None:
        """Keep a model file in place of the one before, where `mlflow.tensorflow.load_checkpoint` finds it."""
        with self._files(path.name) as client:
            if client is not None:
                client.log_artifact(self.run_id, str(path), CHECKPOINTS)
                client.log_dict(self.run_id, dict(told), f"{CHECKPOINTS}/latest_checkpoint_metrics.json")
        self.tags({LATEST_CHECKPOINT_ARTIFACT_TAG_KEY: f"{CHECKPOINTS}/{path.name}"})

    def dataset(self, dataset: Dataset, name: str, context: str = "training") -> None:
        """Name the dataset and its digest as an input of the run."""
        with self._guard():
            if self._client is not None:
                from mlflow.data.code_dataset_source import CodeDatasetSource
                from mlflow.entities import Dataset as Entity
                from mlflow.entities import DatasetInput, InputTag

                profile = {"rows": len(dataset.train), "task": dataset.task, "class_counts": dataset.class_counts}
                source = CodeDatasetSource(tags={})
                shapes = {k or "X": [str(a.dtype), *a.shape[1:]] for k, a in arrays.named_leaves(dataset.train.X)}
                entity = Entity(
                    name,
                    dataset.digest,
                    source_type(source),
                    source.to_json(),
                    json.dumps({"inputs": shapes}),
                    json.dumps(profile),
                )
                given = DatasetInput(entity, [InputTag("mlflow.data.context", context)])
                self._client.log_inputs(self.run_id, [given])

    def model(self, model: Any, X: arrays.Nest, requirements: list[str], name: str = "model") -> str | None:
        """Log a Keras model with a signature read from raw rows of X, and the first as an example where it is small.

        Args:
            model: To keep.
            X: Rows of its inputs.
            requirements: What it needs, pinned.
            name: In MLflow's list of models.

        Returns:
            Address of the logged model; None where it was not logged.
        """
        if self._client is not None and (why := unsaved(model)) is not None:
            warnings.warn(f"The model is not logged: {why}", RemedyWarning, stacklevel=3)
            return None
        with self._files("model") as client:
            if client is not None:
                with silent_mlflow(), self._active():
                    return log_model(model, X, requirements, name)
        return None

    @contextmanager
    def _active(self) -> Iterator[None]:
        """Make this the active run for a moment: MLflow attaches a model to no other."""
        active = mlflow.active_run()
        if active is not None and active.info.run_id == self.run_id:
            yield
            return
        with in_experiment(self.experiment_id), mlflow.start_run(run_id=self.run_id, nested=active is not None):
            yield

    def end(self, status: str = "FINISHED") -> None:
        """End the run: FINISHED, FAILED or KILLED; also a run to which an earlier write failed."""
        if self.run_id is None:
            return
        self._write()
        with self._guard(ANSWER, retries=0 if self.line.down else RETRIES):
            mlflow.MlflowClient().set_terminated(self.run_id, status)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send the parameters and tags of a block in one request at its end: each takes a local store 4 ms."""
        held, self._held = self._held, {"params": [], "tags": []}
        try:
            yield
        finally:
            batch, self._held = self._held, held
            once = {name: list({e.key: e for e in reversed(entries)}.values()) for name, entries in batch.items()}
            for start in range(0, max(map(len, once.values())), 100):
                self._log(**{name: entries[start : start + 100] for name, entries in once.items()})

    def _log(self, **batch: Any) -> None:
        if self._held is not None and not batch.get("metrics"):
            for name, entries in batch.items():
                self._held[name] += entries
            return
        with self._guard(ANSWER):
            if self._client is not None and any(batch.values()):
                self._client.log_batch(self.run_id, **batch)

    @contextmanager
    def _guard(self, seconds: int | None = None, retries: int = RETRIES) -> Iterator[None]:
        """Turn a failure of the store into one warning, and log no more to this run."""
        try:
            with answer_within(seconds, retries):
                yield
        except Exception as error:
            self._writes = None
            text = self.line.failed(self.run_id, error)
            if text is not None:
                warnings.warn(text, RemedyWarning, stacklevel=4)

    @contextmanager
    def _files(self, name: str) -> Iterator[mlflow.MlflowClient | None]:
        """Yield what writes a file; one that is refused while the store answers is missing, and all else is logged."""
        client = self._client if self._refused < MOST_REFUSED else None
        try:
            with answer_within(None, 0 if self._refused else RETRIES):
                yield client
        except Exception as error:
            self._refused += 1
            text = self.line.refused(self.run_id, error, name, last=self._refused == MOST_REFUSED)
            if text is not None:
                warnings.warn(text, RemedyWarning, stacklevel=4)


def _metric_name(name: str) -> str:
    """Replace what MLflow refuses in names."""
    return "".join(c if c.isalnum() or c in "_-./: " else "_" for c in name)[:250]
