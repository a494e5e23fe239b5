"""The engine that trains in this process, one job after the other.

Tracing a new model costs seconds, training a small one milliseconds. Jobs whose graphs are equal
(layers, optimizer class, loss, shapes) therefore share one compiled model; initial weights,
learning rate, class weights and rows change without a new trace. What a job has learned is kept as
arrays, so any job can go on where it stopped.
"""

from __future__ import annotations

import gc
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import Scorer
from remedy.detectors._base import Detector
from remedy.errors import RemedyError
from remedy.evidence.static import KERAS_BATCH_SIZE, training_evidence
from remedy.recipe.own_callbacks import make_callbacks, monitored, restores_weights
from remedy.recipe.recipe import Recipe
from remedy.recipe.seeds import keep_random_state, set_seeds
from remedy.recipe.threshold import move_threshold
from remedy.training.engines._base import Engine, Job, Outcome
from remedy.training.fit_recipe import BestEpoch, Deadline, Ruined, assign, fit_recipe, values, variables
from remedy.training.loop import Loop
from remedy.training.range_test import RateRamp
from remedy.training.recorder import EvidenceRecorder
from remedy.training.runtime import forgotten_gradients
from remedy.training.xla import xla_pays

log = logging.getLogger(__name__)

LEAST_STEPS = 50
"""Steps that a job is given before detectors may end it: the epochs of tiny data are no time at all."""

OUT_OF_MEMORY = ("MemoryError", "ResourceExhaustedError", "OutOfMemoryError")
"""What Python, TensorFlow and PyTorch raise; named, for only one of the backends is there."""

COMPILED_MODELS = 10
"""Compiled models that are kept for jobs with the same graph."""


@dataclass
class _Compiled:
    """A compiled model, the state of its optimizer before the first step, and the loop that trains it.

    ``start`` holds a seed and the initial values that it gives to weights, averages and random layers.
    """

    model: Any
    optimizer_start: list[Any]
    loop: Loop
    start: tuple[int, list[Any]] = (0, [])


@dataclass
class _Learned:
    """What a job has learned so far: values of all variables of model and optimizer.

    ``own`` are the callbacks of the user's program, ``ended`` says that they, or weights that are no numbers, ended it;
    ``cut`` that time did, inside an epoch.
    """

    recipe: Recipe
    recorder: EvidenceRecorder
    variables: list[Any]
    optimizer: list[Any]
    own: list[Any]
    ended: bool = False
    cut: bool = False


class InlineEngine(Engine):
    """Train in this process.

    The random state of Python, NumPy and the backend's seed generator is put back after every job,
    so a training that waits meanwhile goes on as if nothing had happened.
    """

    def __init__(self, dataset: Dataset, scorer: Scorer, detectors: Sequence[Detector]) -> None:
        """Keep what every job needs.

        Args:
            dataset: Rows to train on, choose by and confirm on.
            scorer: The objective.
            detectors: They end a job that is itself stuck.
        """
        self._dataset, self._scorer, self._detectors = dataset, scorer, tuple(detectors)
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()
        self._learned: dict[str, _Learned] = {}
        self._first: str | None = None
        self._part = (1.0, dataset)
        self._xla: bool | None = None

    def clock(self) -> float:
        """Return the process' monotonic clock."""
        return time.perf_counter()

    def train(self, job: Job) -> Outcome:
        """Train a job, from the start or from where its key stopped."""
        began = self.clock()
        try:
            with keep_random_state(), forgotten_gradients():
                learned = self._train(job)
        except RemedyError as error:
            return Outcome(error=str(error), seconds=self.clock() - began)
        except Exception as error:
            # What a backend raises for a recipe that cannot run, such as wrong shapes.
            self._compiled.pop(trace_key(job.recipe), None)
            if type(error).__name__ in OUT_OF_MEMORY:
                self._compiled.clear()  # The graphs of others fill it.
            return Outcome(error=f"{type(error).__name__}: {error}", seconds=self.clock() - began)
        recorder = learned.recorder
        stuck = recorder.examination.cause if recorder.gave_up else None
        found = tuple(recorder.examination.diagnoses)
        cause, seconds = stuck.name if stuck else None, self.clock() - began
        scores = tuple(recorder.scores)
        if learned.ended and scores:
            scores += scores[-1:] * (job.epochs - len(scores))
        return Outcome(scores, recorder.evidence, cause, seconds, diagnoses=found, cut=learned.cut)

    def suggest_rate(self, recipe: Recipe, seed: int) -> float | None:
        """Train some steps at rates that rise, and see where the loss falls."""
        if recipe.resampling is not None or recipe.restarts > 1:
            recipe = recipe.replace(resampling=None, restarts=1)
        recipe = recipe.with_optimizer(learning_rate=RateRamp.LOWEST)
        steps = -(-len(self._dataset.train) // (recipe.batch_size or KERAS_BATCH_SIZE))
        ramp = RateRamp()
        epochs = -(-RateRamp.STEPS // (recipe.steps_per_epoch or steps))
        try:
            with keep_random_state(), forgotten_gradients():
                compiled = self._take(Job(recipe, seed, 1, "range-test"), None)
                set_seeds(seed, recipe.own_code)
                fit_recipe(compiled.model, recipe, self._dataset, seed, 0, epochs, [ramp], compiled.loop, at_once=1)
        except Exception:  # A recipe that cannot run has no rate to suggest.
            log.debug("no rate is suggested", exc_info=True)
            return None
        return ramp.suggestion()

    def model(self, key: str) -> Any:
        """Return a model with what the job has learned, or None."""
        learned = self.learned(key)
        return None if learned is None else rebuilt(*learned, self._dataset)

    def learned(self, key: str) -> tuple[Recipe, list[Any]] | None:
        """Return the recipe of a job and the values of all variables of its model, or None."""
        found = self._learned.get(key)
        return None if found is None else (found.recipe, found.variables)

    def forget(self, key: str) -> None:
        """Let go of what a job has learned."""
        self._learned.pop(key, None)

    def _train(self, job: Job) -> _Learned:
        learned = self._learned.get(job.key)
        compiled = self._take(job, learned)
        recorder = learned.recorder if learned else self._recorder(job)
        own = learned.own if learned else make_callbacks(job.recipe.callbacks)
        ended, cut = bool(learned and learned.ended), bool(learned and learned.cut)
        done = recorder.evidence.epochs_seen
        if done < job.epochs and not recorder.gave_up and not ended:
            set_seeds(job.seed + done, job.recipe.own_code)
            deadline = Deadline(job.deadline, self.clock, job.seconds)
            watch = [*own, recorder, Ruined(), deadline]
            best = None
            if job.choose is not None and self._dataset.validation is not None:
                best = BestEpoch(lambda: recorder.evidence, job.choose)
                watch.append(best)
            data = self._rows(job.rows)
            fit_recipe(
                compiled.model,
                job.recipe,
                data,
                job.seed,
                done,
                job.epochs,
                watch,
                compiled.loop,
                self._monitored_rows(job.recipe),
            )
            seen, cut = recorder.evidence.epochs_seen, deadline.cut
            ended = 0 < seen < job.epochs and not recorder.gave_up and not deadline.over
            moved = job.recipe.threshold == "moved" and move_threshold(compiled.model, job.recipe, self._chosen_by(job))
            if moved or (best and best.restored) or restores_weights(job.recipe.callbacks):
                recorder.look_again(compiled.model)
            recorder.set_model(None)  # What a job has learned outlives its compiled model.
        state = values(variables(compiled.model)), values(compiled.model.optimizer.variables)
        self._learned[job.key] = _Learned(job.recipe, recorder, *state, own, ended, cut)
        return self._learned[job.key]

    def _chosen_by(self, job: Job) -> Rows:
        """Return the rows that a threshold is chosen by, coded as the recipe trains on them."""
        held = self._dataset.validation
        return job.recipe.coded(self._dataset.train if held is None else held)

    def _monitored_rows(self, recipe: Recipe) -> Rows | None:
        """Return the validation rows where a callback of the user's waits for something measured on them."""
        held = self._dataset.validation
        waits = any(name.startswith("val_") for name in monitored(recipe.callbacks))
        return recipe.coded(held) if waits and held is not None else None

    def _compiles_with_xla(self, job: Job) -> bool:
        """Say whether trials are compiled with XLA where Keras would; the first one that asks is measured."""
        if self._xla is None:
            batches = -(-len(self._dataset.train) // (job.recipe.batch_size or KERAS_BATCH_SIZE))
            steps = (job.recipe.steps_per_epoch or batches) * job.recipe.epochs
            self._xla = xla_pays(job.recipe, self._dataset, job.seed, steps)
        return self._xla

    def _rows(self, share: float) -> Dataset:
        """Return the rows to train on; the last sample is kept, for a search uses one."""
        if share >= 1:
            return self._dataset
        if self._part[0] != share:
            self._part = share, self._dataset.part(share)
        return self._part[1]

    def _recorder(self, job: Job) -> EvidenceRecorder:
        held = self._dataset.validation
        return EvidenceRecorder(
            training_evidence(job.recipe, self._dataset),
            self._detectors,
            probe=job.recipe.coded(getattr(self._dataset, job.judge_by)),
            scorer=self._scorer,
            recipe=job.recipe,
            on_stuck=(lambda _: True) if job.stop_when_stuck else None,
            least_steps=LEAST_STEPS,
            keep_answers=job.judge_by == "holdout",
            validation=None if job.choose is None or held is None else job.recipe.coded(held),
        )

    def _take(self, job: Job, learned: _Learned | None) -> _Compiled:
        """Return a compiled model in the state in which the job starts or goes on."""
        key = trace_key(job.recipe)
        compiled = self._compiled.pop(key, None)
        if compiled is None or (learned is None and compiled.start[0] != job.seed):
            # Unless a callback waits for one, nobody reads Keras' metrics of a trial, and those that come into being
            # in the first step make TensorFlow trace that step twice.
            bare = {} if waits_for_metrics(job.recipe) else {"metrics": None, "weighted_metrics": None}
            fresh = job.recipe.replace(**bare).build(self._dataset, job.seed)
            if fresh.jit_compile and job.recipe.jit_compile == "auto" and not self._compiles_with_xla(job):
                fresh.jit_compile = False
            if compiled is None:
                fresh.optimizer.build(fresh.trainable_variables)
                compiled = _Compiled(fresh, values(fresh.optimizer.variables), Loop(fresh))
            compiled.start = job.seed, values(variables(fresh))
        self._compiled[key] = compiled
        self._first = self._first or key
        if len(self._compiled) > COMPILED_MODELS:
            # The first one is the untouched recipe, which confirmation needs again. A quarter goes at once:
            # graphs are freed by Python's collector alone, and a collection takes a tenth of a second.
            while len(self._compiled) > COMPILED_MODELS - COMPILED_MODELS // 4:
                self._compiled.pop(next(k for k in self._compiled if k != self._first))
            gc.collect()
        optimizer = compiled.model.optimizer
        if learned is None:
            assign(variables(compiled.model), compiled.start[1])
            assign(optimizer.variables, compiled.optimizer_start)
            if not isinstance(job.recipe.descent["config"].get("learning_rate"), dict):
                optimizer.learning_rate = job.recipe.learning_rate
        else:
            assign(variables(compiled.model), learned.variables)
            assign(optimizer.variables, learned.optimizer)
        return compiled


def rebuilt(recipe: Recipe, learned: list[Any], dataset: Dataset) -> Any:
    """Return a model of a recipe with the values that it has learned."""
    with keep_random_state():
        model = recipe.build(dataset, 0)
    assign(variables(model), learned)
    return model


def waits_for_metrics(recipe: Recipe) -> bool:
    """Say whether a callback of the user's waits for something else than a loss."""
    return bool(monitored(recipe.callbacks) - {"loss", "val_loss"})


def trace_key(recipe: Recipe) -> str:
    """Return a text that is equal for recipes whose compiled graphs are interchangeable.

    A constant learning rate is a variable, and class weights reach the graph as sample weights;
    a schedule is traced in, and so are the statistics of scaling layers fitted on the same rows.
    """
    values = recipe.to_dict()
    wanted = (values["metrics"], values["weighted_metrics"]) if waits_for_metrics(recipe) else None
    for name in (
        "class_weight",
        "epochs",
        "resampling",
        "resplit",
        "restarts",
        "shuffle",
        "batch_size",
        "steps_per_epoch",
        "target",
        "metrics",
        "weighted_metrics",
        "callbacks",
        "threshold",
    ):
        values.pop(name)
    values["metrics"] = wanted
    if not isinstance(recipe.descent["config"].get("learning_rate"), dict):
        values["optimizer"] = recipe.with_optimizer(learning_rate=None).optimizer
    return json.dumps(values, sort_keys=True, default=str)
