"""`remedy.Recorder`: a Keras callback that logs and diagnoses a training, and neither stops nor searches anything."""

from __future__ import annotations

import atexit
import sys
import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from types import FrameType
from typing import Any

import keras

from remedy.data.fit_call import FitCall, read_fit_call
from remedy.data.streams import is_stream
from remedy.errors import RemedyError, RemedyWarning, costs_a_warning
from remedy.recording import known_for, recipe_of_call, recorder_for, unread
from remedy.registry import chosen_detectors
from remedy.reporting import text as report
from remedy.reporting.run_log import write_end, write_start
from remedy.reporting.terminal import Terminal
from remedy.results import LogOptions
from remedy.tracking import run as tracking
from remedy.tracking.opening import open_run
from remedy.training.recorder import EvidenceRecorder

OPEN: list[Recorder] = []
"""Those whose training has begun and not ended: Keras does not tell a callback that a training was broken off."""


def _in_fit(recorder: Recorder) -> bool:
    """Say whether a callback belongs to a training further down the stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is recorder.model:
            given = frame.f_locals.get("callbacks")
            given = getattr(given, "callbacks", given)
            if isinstance(given, (list, tuple)) and any(one is recorder for one in given):
                return True
        frame = frame.f_back
    return False


class Recorder(keras.callbacks.Callback):
    """Log a training to MLflow and say what is wrong with it: ``model.fit(X, y, callbacks=[remedy.Recorder()])``.

    Every training that it is given to gets a run of its own. A training that does not come to its end leaves a run
    that is FAILED, or KILLED after Ctrl-C; Keras does not tell a callback so, so this is written when the
    next training begins, with `close`, or when Python ends.
    """

    def __init__(
        self,
        X: Any = None,
        y: Any = None,
        *,
        experiment: str | None = None,
        run_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        detectors: Iterable[Any] | None = None,
        ignore: Iterable[str] = (),
        quiet: bool = False,
        **fit_kwargs: Any,
    ) -> None:
        """Prepare; the run begins with the training.

        Args:
            X, y: The arrays that are given to ``fit``. A callback does not see them, and without them only what
                Keras logs can be judged: losses, metrics and learning rate.
            experiment, run_name, tags, detectors, ignore: As for `remedy.fit`.
            quiet: Print nothing.
            **fit_kwargs: What else ``fit`` is given: batch size, validation split, class weights ...

        Raises:
            NotFound: There is no such detector.
        """
        super().__init__()
        self._given = X, y, fit_kwargs
        self._call = FitCall(X, y, fit_kwargs, None)
        self._open_run = experiment, run_name, tags
        self._name = run_name or experiment
        self._detectors = chosen_detectors(detectors, ignore)
        self._terminal = Terminal(quiet=quiet)
        self._stack: ExitStack | None = None
        self._run = tracking.Run(None, None)
        self._watcher: EvidenceRecorder | None = None
        self._raised_before: BaseException | None = None

    @property
    def examination(self) -> Any:
        """The newest `Examination` of this training, or None."""
        return self._watcher.examination if self._watcher else None

    @property
    def run_id(self) -> str | None:
        """Id of the MLflow run of this training; None while there is none."""
        return self._run.run_id

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin a run; those of trainings that were broken off in this process end before."""
        self.close()
        for other in [recorder for recorder in OPEN if not _in_fit(recorder)]:
            other.close()
        OPEN.append(self)
        self._stack = ExitStack()
        self._run = self._stack.enter_context(open_run(*self._open_run))
        atexit.register(self.close)
        self._raised_before = getattr(sys, "last_value", None)
        try:
            X, y, options = self._given
            planned = {**options, "epochs": self.params.get("epochs") or 1}
            self._call = self._read(X, y, planned)
            recipe = recipe_of_call(self.model, self._call)
            write_start(self._run, recipe, self._call.dataset, self._name, log_data=False, given=planned)
            data = self._call.dataset
            known = None if data is None else known_for(self.model, recipe, data)
            known = known if self._call.unread is None else unread(self._call.unread)
            self._watcher = recorder_for(known, self._detectors, self._terminal, self._run)
            self._watcher.set_params(self.params)
            self._watcher.set_model(self.model)
        except Exception as error:  # Whatever it is, the training goes on.
            self._watcher = None
            text = str(error) if isinstance(error, RemedyError) else f"{type(error).__name__}: {error}"
            warnings.warn(f"This training is not watched: {text}", RemedyWarning, stacklevel=2)

    def _read(self, X: Any, y: Any, planned: dict[str, Any]) -> FitCall:
        """Read the arrays; a stream is left alone: looking at it would move it."""
        if X is None:
            return FitCall(X, y, planned, None)
        moved = [part for part in (X, planned.get("validation_data")) if is_stream(part)]
        if not moved:
            return read_fit_call(self.model, X, y, planned)
        warnings.warn(
            "remedy.Recorder does not read streams, for that would move yours: losses and metrics are watched. "
            "remedy.fit and remedy.autolog() see the rows as Keras reads them.",
            RemedyWarning,
            stacklevel=3,
        )
        if moved[0] is X:
            return FitCall(X, y, planned, None, unread="a callback cannot read a stream without moving it")
        return read_fit_call(self.model, X, y, {k: v for k, v in planned.items() if k != "validation_data"})

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock of an epoch."""
        if self._watcher:
            self._watcher.on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure, diagnose and log an epoch."""
        if self._watcher:
            self._watcher.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """End the run with verdict, evidence and pictures."""
        if self._watcher:
            verdict, data = report.verdict(self._watcher.examination), self._call.dataset
            with costs_a_warning("The end of the run could not be written"):
                write_end(self._run, self._watcher, verdict, self.model, data, None, self._name, LogOptions())
            self._terminal.conclusion(verdict)
        self._leave(None)

    def close(self) -> None:
        """End the run of a training that did not come to its end."""
        if self._stack is not None:
            raised = getattr(sys, "last_value", None)  # What ended the script; an older error is no reason.
            unknown = raised is None or raised is self._raised_before
            self._leave(RuntimeError("the training did not come to its end") if unknown else raised)

    def _leave(self, error: BaseException | None) -> None:
        stack, self._stack = self._stack, None
        OPEN[:] = [recorder for recorder in OPEN if recorder is not self]
        atexit.unregister(self.close)
        if stack is None:
            return
        if error is None:
            stack.close()
            return
        with suppress(type(error)):  # The run hands on what it was ended by.
            stack.__exit__(type(error), error, None)
