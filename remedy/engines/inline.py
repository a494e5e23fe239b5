"""The engine that trains in this process, one job after the other."""

from __future__ import annotations

import gc
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from keras.src.backend.common import global_state

from remedy.dataset import Dataset
from remedy.detectors._base import Detector
from remedy.engines._base import Job, Outcome
from remedy.errors import RemedyError
from remedy.facts import static_evidence
from remedy.recipe import Recipe
from remedy.recorder import Recorder
from remedy.resampling import resample
from remedy.scores import Scorer

KERAS_SEEDS = ("rng_seed", "global_seed_generator")
"""Where Keras keeps its seed; it has no public way to put an earlier one back."""

KEPT_MODELS = 16
"""Models of unfinished jobs that stay in memory so that their training can go on."""


class InlineEngine:
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
        self._kept: OrderedDict[str, tuple[Any, Recorder]] = OrderedDict()

    def clock(self) -> float:
        """Return the process' monotonic clock."""
        return time.perf_counter()

    def train(self, job: Job) -> Outcome:
        """Train a job, from the start or from where its key stopped."""
        began = self.clock()
        try:
            with keep_random_state():
                recorder = self._train(job)
        except RemedyError as error:
            return Outcome(error=str(error), seconds=self.clock() - began)
        except (ValueError, TypeError, RuntimeError, ArithmeticError, MemoryError) as error:
            # What a backend raises for a recipe that cannot run: wrong shapes, out of memory.
            return Outcome(error=f"{type(error).__name__}: {error}", seconds=self.clock() - began)
        stuck = recorder.examination.cause
        return Outcome(
            tuple(recorder.scores), recorder.evidence, stuck.name if stuck else None, self.clock() - began
        )

    def model(self, key: str) -> Any:
        """Return the model of a job that is still kept."""
        kept = self._kept.get(key)
        return kept[0] if kept else None

    def forget(self, key: str) -> None:
        """Let go of a model and what hangs on it."""
        if self._kept.pop(key, None) is not None:
            gc.collect()

    def _train(self, job: Job) -> Recorder:
        judged = getattr(self._dataset, job.judge_by)
        model, recorder = self._kept.pop(job.key, (None, None))
        if model is None or recorder is None:
            model = job.recipe.build(self._dataset, job.seed)
            recorder = Recorder(
                static_evidence(job.recipe, self._dataset),
                self._detectors,
                probe=judged,
                scorer=self._scorer,
                recipe=job.recipe,
                on_stuck=(lambda _: True) if job.stop_when_stuck else None,
            )
        done = recorder.evidence.epochs_seen
        if done < job.epochs and not (recorder.examination.stuck and job.stop_when_stuck):
            fit_recipe(model, job.recipe, self._dataset, job.seed, done, job.epochs, [recorder, Deadline(job.deadline, self.clock)])
        self._kept[job.key] = (model, recorder)
        while len(self._kept) > KEPT_MODELS:
            self.forget(next(iter(self._kept)))
        return recorder


def fit_recipe(
    model: Any,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    done: int,
    epochs: int,
    callbacks: Sequence[Any],
    **fit: Any,
) -> Any:
    """Call ``model.fit`` as the recipe says, resampling the training rows if it asks for that.

    Args:
        model: Built from ``recipe``.
        recipe: How to train.
        dataset: Its training rows are used.
        seed: Of the resampling.
        done: Epochs that are behind the model already.
        epochs: Epochs that shall be behind it afterwards.
        callbacks: Keras callbacks.
        fit: Further keywords of ``Model.fit``.

    Returns:
        Keras' History.
    """
    rows = dataset.train if recipe.resampling is None else resample(dataset.train, recipe.resampling, seed)
    return model.fit(
        rows.X,
        rows.y,
        sample_weight=rows.sample_weight,
        batch_size=recipe.batch_size,
        class_weight=None if recipe.class_weight is None else dict(recipe.class_weight),
        shuffle=recipe.shuffle,
        steps_per_epoch=recipe.steps_per_epoch,
        initial_epoch=done,
        epochs=epochs,
        callbacks=list(callbacks),
        **{"verbose": 0, **fit},
    )


class Deadline(keras.callbacks.Callback):
    """Stop a training between two batches once its time is over."""

    def __init__(self, deadline: float | None, clock: Callable[[], float]) -> None:
        """Take a time by ``clock``; None never stops."""
        super().__init__()
        self._deadline, self._clock = deadline, clock

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop when the time is over."""
        if self._deadline is not None and self._clock() > self._deadline:
            self.model.stop_training = True


@contextmanager
def keep_random_state() -> Iterator[None]:
    """Put the random state of Python, NumPy, torch and Keras' own seeds back at the end."""
    python, array = random.getstate(), np.random.get_state()
    torch_state = None
    if keras.backend.backend() == "torch":
        import torch

        torch_state = torch.random.get_rng_state()
    keras_state = {name: global_state.get_global_attribute(name) for name in KERAS_SEEDS}
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(array)
        if torch_state is not None:
            torch.random.set_rng_state(torch_state)
        for name, value in keras_state.items():
            global_state.set_global_attribute(name, value)
