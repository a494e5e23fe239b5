"""One watched training of the user's: it is logged, and where it is stuck it waits while a remedy is searched."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras

from remedy.data.arrays import leaves
from remedy.data.dataset import Dataset
from remedy.data.fit_call import FitCall, arrived
from remedy.data.streams import is_stream
from remedy.diagnosis import Examination
from remedy.errors import RemedyError, RemedyWarning, Untrainable, costs_a_warning
from remedy.evidence.evidence import Start
from remedy.evidence.starting_point import starting_point
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.live_model import as_list
from remedy.recipe.own_callbacks import left_out, scheduled_rates, with_rates
from remedy.recipe.patch import Names
from remedy.recipe.recipe import Recipe
from remedy.recipe.round_trip import difference
from remedy.recipe.seeds import keep_random_state
from remedy.recipe.starting_weights import Weights, loaded, snapshot
from remedy.recipe.tracing import read_by_tracing
from remedy.recording import known_for, recipe_of_call, recorder_for, unread
from remedy.repair.repair import repair
from remedy.reporting import text as report
from remedy.reporting.call_log import plain_arguments, write_call, write_outcome
from remedy.reporting.run_log import write_end, write_recipe, write_rows, write_start
from remedy.reporting.terminal import Terminal
from remedy.results import Fix, LogOptions, RepairResult, StuckRun
from remedy.search.options import Search
from remedy.tracking import artifacts
from remedy.tracking import run as tracking
from remedy.training.checkpoints import Checkpoints
from remedy.training.feed import fit_model
from remedy.training.recorder import EvidenceRecorder, Known
from remedy.training.runtime import free_iterators
from remedy.training.step_log import StepLog

BACKENDS = ("tensorflow", "jax", "torch")
"""Packages whose errors speak of tensors and not of the program."""


@dataclass(frozen=True)
class Wishes:
    """What the user asked for beside the training itself.

    Attributes:
        options: How to search, or None.
        detectors, remedies: That may be used.
        build: Makes a fresh model, or None.
        name: Of the run.
        logs: What is kept in the run beside its metrics.
        expect: Score that the run must reach to count as healthy, or None.
        names: How the calling script spells what it hands over.
    """

    options: Search | None
    detectors: Sequence[Any]
    remedies: Sequence[Any]
    build: Callable[[], Any] | None = None
    name: str | None = None
    logs: LogOptions = field(default_factory=LogOptions)
    expect: float | None = None
    names: Names | None = None


class Session:
    """A training that is watched, from its first epoch to the end of its run.

    Attributes:
        recorder: What watches.
        repaired: What came of a search; None where there was none.
        unsearched: Why no search was begun although one was asked for, in words; or None.
    """

    def __init__(self, model: Any, call: FitCall, wishes: Wishes, run: tracking.Run, terminal: Terminal) -> None:
        """Read the program and log what is known before the first epoch.

        Args:
            model: The user's compiled model.
            call: The checked call of ``fit``.
            wishes: What else was asked for.
            run: The open MLflow run.
            terminal: Hears how it goes on.
        """
        self._model, self._call, self._wishes, self._run, self._terminal = model, call, wishes, run, terminal
        self._recipe = recipe_of_call(model, call, wishes.build)
        self._callbacks = as_list(call.kwargs.get("callbacks"))
        self._start: Weights | None = snapshot(model)
        self.repaired: RepairResult | None = None
        self.unsearched: str | None = None
        late = call.arrival is not None and call.dataset is None  # A stream tells its batch size with its rows.
        with run.together():
            write_start(run, None if late else self._recipe, call.dataset, wishes.name, wishes.logs.data, call.kwargs)
            write_call(run, model, call.kwargs)
        known = self._known() if call.dataset is not None and call.arrival is None else None
        known = known if call.unread is None else unread(call.unread, wishes.expect)
        self.recorder: EvidenceRecorder = recorder_for(
            known, wishes.detectors, terminal, run, self._on_stuck, self._arrive, self._ready
        )

    @property
    def dataset(self) -> Dataset | None:
        """The rows, as far as they are there."""
        return self._call.dataset

    @property
    def recipe(self) -> Recipe | None:
        """How the model is trained; None where that cannot be written down."""
        return self._recipe

    def train(self) -> Any:
        """Train as the user asked for; return Keras' History."""
        kwargs = {name: value for name, value in self._call.kwargs.items() if name != "callbacks"}
        watch = [*self._callbacks, *self._logging(), *self._lines(), *self._counting(), self.recorder]
        try:
            return fit_model(self._model, self._call.X, self._call.y, callbacks=watch, **kwargs)
        except Exception as error:
            said = self._said_before(error)
            if said is None:
                raise
            raise Untrainable(f"Keras cannot train this. {said}", error) from None

    def _lines(self) -> list[Any]:
        """Return what prints Keras' line of an epoch, in front of a search and not behind it; Keras adds none then."""
        own = any(isinstance(callback, keras.callbacks.ProgbarLogger) for callback in self._callbacks)
        silent = self._call.kwargs.get("verbose", "auto") == 0
        return [] if own or silent else [keras.callbacks.ProgbarLogger()]

    def _said_before(self, error: Exception) -> str | None:
        """Return what a diagnosis before training had said of an error of the backend; None for any other error."""
        if not type(error).__module__.startswith(BACKENDS) or self.recorder.evidence.loss:
            return None
        stops = {detector.code for detector in self._wishes.detectors if detector.stops_keras}
        known = (d for d in self.recorder.examination.diagnoses if d.code in stops)
        return next((f"{d.code} {d.name}: {d.message}" for d in known), None)

    def _logging(self) -> Iterator[Any]:
        """Yield the callbacks that write down more than the metrics of every epoch, where that was asked for."""
        logs = self._wishes.logs
        if logs.every_n_steps is not None:
            yield StepLog(self._run.metrics, logs.every_n_steps)
        if logs.checkpoints:
            yield Checkpoints(self._run.checkpoint)

    def _counting(self) -> Iterator[Any]:
        """Yield what tells the rows kept of a stream that an epoch is over; a verdict may come much later."""
        if (arrival := self._call.arrival) is not None:
            yield keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: arrival.epoch_over())

    def end(self) -> str:
        """Log what is known at the end; return the sentence that says how it ended."""
        repaired, recorder, wishes = self.repaired, self.recorder, self._wishes
        if repaired is not None:
            recorder.add(repaired.diagnoses)
        conclusion = repaired.conclusion if repaired else report.verdict(recorder.examination)
        if repaired is not None and repaired.fix is not None and not self._call.dataset_is_whole:
            conclusion = f"{conclusion} {self._sample(repaired.fix)}"
        arrival = self._call.arrival
        if recorder.examination.stuck and wishes.options and arrival is not None and not arrival.settled:
            self.unsearched = "No remedy is searched: the training ended before all rows of its stream had been seen."
        if self.unsearched is not None and repaired is None:
            conclusion = f"{conclusion} {self.unsearched}"
        data = self._call.dataset
        try:
            with costs_a_warning("The end of the run could not be written"):
                write_outcome(self._run, self._model, self._callbacks)
                write_end(self._run, recorder, conclusion, self._model, data, repaired, wishes.name, wishes.logs)
        except KeyboardInterrupt:
            if repaired is None or repaired.fix is None:
                raise
            text = "Interrupted while the run was written down: the fix is in the result, the run lacks its end."
            warnings.warn(text, RemedyWarning, stacklevel=2)
        return conclusion

    def _sample(self, fix: Fix) -> str:
        """Say what a fix of a large stream rests on."""
        data = self._call.dataset
        assert data is not None
        total = f" of {data.total_rows:,}" if data.total_rows else ""
        rests = f"It rests on a sample of {len(data.train):,}{total} rows of your stream"
        if fix.stream_rows is not None:
            return f"{rests}; result.fix.model was trained on {fix.stream_rows:,} rows of the stream itself an epoch."
        return f"{rests}, and result.fix.model was trained on these: train the patch on all of them."

    def _known(self) -> Known:
        assert self._call.dataset is not None
        return known_for(self._model, self._recipe, self._call.dataset, self._wishes.expect, self._look_at_start)

    def _look_at_start(self, epoch: int) -> Start | None:
        """Measure what the weights are worth that the training began from; None where they were fresh."""
        recipe, data = self._recipe, self._call.dataset
        if recipe is None or data is None or recipe.architecture.opaque:
            return None
        try:
            with keep_random_state():
                begun = self.with_loaded(recipe)
                return starting_point(begun, data, epoch) if begun.kept_weights else None
        except RemedyError:  # No fresh model can be made of it; that is said when one is needed.
            return None

    def _arrive(self) -> Known | None:
        """Return what to look with, once the rows of a stream are there."""
        arrival = self._call.arrival
        if arrival is None:
            return None
        arrival.epoch_over()
        if arrival.unread is not None:
            write_recipe(self._run, self._recipe, self._call.kwargs)
            return unread(arrival.unread, self._wishes.expect)
        first = self._call.dataset is None
        self._call = arrived(self._model, self._call)
        if self._call.dataset is None:
            return None
        if first:
            self._recipe = recipe_of_call(self._model, self._call, self._wishes.build)
            write_recipe(self._run, self._recipe, self._call.kwargs)
        if arrival.settled:
            self._write_rows()
        return self._known()

    def _ready(self) -> bool:
        """Say whether all rows are there that will ever be; asked when the run is stuck."""
        arrival = self._call.arrival
        if arrival is None or arrival.settled:
            return True
        arrival.epoch_over()
        if not arrival.settled:
            return False
        self._call = arrived(self._model, self._call)
        self._write_rows()
        return True

    def _write_rows(self) -> None:
        write_rows(self._run, self._call.dataset, self._wishes.name, self._wishes.logs.data)

    def _on_stuck(self, examination: Examination) -> bool:
        """Treat the run while its training waits; say whether that training shall end here."""
        self._run.tags(report.verdict_tags(examination))
        self._run.json("evidence.json", self.recorder.evidence.to_dict())  # A killed search goes on from here.
        options, recipe, data = self._wishes.options, self._recipe, self._call.dataset
        if options is None or recipe is None or data is None:
            return False
        if self.recorder.evidence.unscored is not None and len(leaves(data.train.y)) != 1:
            self.unsearched = "No remedy is searched: a model of several outputs cannot be scored."
            warnings.warn(self.unsearched, RemedyWarning, stacklevel=2)
            return False
        if self._start is None:
            self.unsearched = (
                "No remedy is searched: the model has more than 512 MB of weights that are trained, too many to keep a "
                "copy and to tell loaded ones from fresh ones."
            )
            warnings.warn(self.unsearched, RemedyWarning, stacklevel=2)
            return False
        free_iterators()
        try:
            if self._wishes.build is None:
                recipe = read_by_tracing(recipe, self._model, self._call.recipe_options, data)
            if recipe.architecture.opaque and not recipe.unbuildable:
                text = f"{recipe.architecture.opaque}; remedies that need that are left out."
                warnings.warn(text, RemedyWarning, stacklevel=2)
            begun = recipe if recipe.unbuildable else self._as_begun(recipe)
            if (other := difference(begun, data, self._model, self._wishes.build is not None)) is not None:
                self.unsearched = other if "no remedy is searched" in other else f"No remedy is searched. {other}"
                warnings.warn(self.unsearched, RemedyWarning, stacklevel=2)
                return False
            stuck_run = self._stuck_run(begun, examination)
            self.repaired = repair(stuck_run, options, self._terminal)
        except Exception as error:
            self.unsearched = f"The search failed ({type(error).__name__}: {error}); the training goes on."
            warnings.warn(self.unsearched, RemedyWarning, stacklevel=2)
            return False
        fix = self.repaired.fix
        return self.repaired.interrupted or (fix is not None and fix.confirmed)

    def _stuck_run(self, recipe: Recipe, examination: Examination) -> StuckRun:
        wishes, evidence = self._wishes, self.recorder.evidence
        if lost := left_out(self._callbacks):
            text = f"Your own {', '.join(lost)} may do anything: trials and proof train without."
            warnings.warn(text, RemedyWarning, stacklevel=2)
        self._run.json("recipe.json", recipe.to_dict())
        data, names = self._call.dataset, wishes.names
        assert data is not None
        sampled = not data.complete and is_stream(self._call.X)
        if not data.complete:  # The sample is all that a search has.
            data = replace(data, total_rows=None)
            size = recipe.batch_size or KERAS_BATCH_SIZE
            names = None if names is None else replace(names, steps=max(1, len(data.train) // size))
        return StuckRun(
            recipe,
            data,
            examination,
            evidence,
            self._run,
            wishes.detectors,
            wishes.remedies,
            self._callbacks,
            wishes.name,
            arguments=plain_arguments(self._call.kwargs),
            logs=wishes.logs,
            names=names,
            stream=(self._call.X, self._call.kwargs.get("steps_per_epoch")) if sampled else None,
        )

    def _as_begun(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the rates of the user's schedule, and with the weights that were loaded before."""
        rates = scheduled_rates(self._callbacks, recipe.learning_rate, recipe.epochs)
        rates = rates or list(self.recorder.evidence.learning_rate or ())
        recipe = recipe.replace(callbacks=with_rates(recipe.callbacks, rates))
        kept = self._loaded(recipe)
        if not kept:
            return recipe
        recipe = recipe.replace(kept_weights={**recipe.kept_weights, **kept})
        if self._run.run_id is not None:
            artifacts.keep_weights(self._run.run_id, recipe.kept_weights)
        return recipe

    def with_loaded(self, recipe: Recipe) -> Recipe:
        """Return a recipe with the weights that were loaded before the training."""
        return recipe.replace(kept_weights={**recipe.kept_weights, **self._loaded(recipe)})

    def _loaded(self, recipe: Recipe) -> Mapping[str, Any]:
        if not self._start or self._call.dataset is None:
            return {}
        with keep_random_state():
            return loaded(self._start, *(recipe.build(self._call.dataset, seed) for seed in (0, 1)))
