"""How a recipe is trained: on which rows, with which weights, by the loop or by Keras' own fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.evidence.evidence import Evidence
from remedy.evidence.static import KERAS_BATCH_SIZE, row_weights
from remedy.keras_internals import every_layer
from remedy.recipe.recipe import LATER_RATE, Recipe
from remedy.recipe.resampling import drawn_rows, resample
from remedy.recipe.seeds import set_seeds
from remedy.remedies._backbone import backbone
from remedy.training.feed import fit_model
from remedy.training.loop import Batches, Loop


def fit_recipe(
    model: Any,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    done: int,
    epochs: int,
    callbacks: Sequence[Any],
    loop: Loop | None = None,
    validation: Rows | None = None,
    at_once: int | None = None,
) -> Any:
    """Train as the recipe says: on its rows, coded and resampled as it asks for.

    Class weights go in as sample weights, which is what Keras makes of them; so they may stand
    beside the user's own sample weights, and graphs with and without them are the same.

    Args:
        model: Built from ``recipe``.
        recipe: How to train.
        dataset: Its training rows are used.
        seed: Of the resampling, and of the order of rows in a loop.
        done: Epochs that are behind the model already.
        epochs: Epochs that shall be behind it afterwards.
        callbacks: Keras callbacks.
        loop: Trains the model where that suits it; without one `fit_model` does.
        validation: Rows to evaluate on after every epoch.
        at_once: Steps that a loop makes in a call; None for as many as are quick.

    Returns:
        Keras' History.
    """
    rows = dataset.train
    if recipe.resplit and dataset.extra is not None:
        rows = rows.with_rows(dataset.extra)
    rows = recipe.coded(rows)
    left_out, index = dataset.left_out, None
    if left_out is not None:
        index = np.setdiff1d(np.arange(len(rows)), left_out)
    if recipe.resampling is not None and (left_out is not None or arrays.is_large(rows.X)):
        index = drawn_rows(rows, recipe.resampling, seed)
        index = index if left_out is None else index[~np.isin(index, left_out)]
        index.sort()  # Neighbours in a file stay neighbours; they are shuffled as they are read.
    elif recipe.resampling is not None:
        rows = resample(rows, recipe.resampling, seed)
    weights = rows.sample_weight
    if isinstance(rows.y, np.ndarray) and (weights is None or weights.ndim == 1):
        weights = row_weights(rows, recipe.class_weight).astype("float32")
        weights = weights.reshape(-1, *(1,) * max(0, _loss_axes(model) - 1))
    held = None if validation is None else (validation.X, validation.y, validation.sample_weight)
    if (
        loop is None
        or index is not None
        or recipe.steps_per_epoch is not None
        or not Loop.suits(model, rows.X, rows.y, weights, *held or ())
    ):
        given = {
            "sample_weight": weights,
            "batch_size": recipe.batch_size,
            "shuffle": recipe.shuffle,
            "steps_per_epoch": recipe.steps_per_epoch,
            "verbose": 0,
        }

        def train(done: int, epochs: int, watch: Sequence[Any], held: Any) -> Any:
            known = None if held is None else tuple(part for part in held if part is not None)
            more = {"initial_epoch": done, "epochs": epochs, "callbacks": list(watch), "validation_data": known}
            return fit_model(model, rows.X, rows.y, index=index, **given, **more)
    else:
        size = recipe.batch_size or KERAS_BATCH_SIZE
        batches = Batches(rows.X, rows.y, weights, size, recipe.shuffle)

        def train(done: int, epochs: int, watch: Sequence[Any], held: Any) -> Any:
            known = None if held is None else Batches(held[0], held[1], held[2], size)
            return loop.fit(batches, seed, done, epochs, watch, known, at_once)

    if recipe.warm_up and done <= recipe.warm_up:
        callbacks = [WarmUp(recipe, loop), *callbacks]
    if recipe.restarts > 1 and done == 0:
        _start_well(model, recipe, dataset, seed, lambda: train(0, 1, [], None))
    return train(done, epochs, callbacks, held)


def fit_stream(model: Any, recipe: Recipe, stream: Any, callbacks: Sequence[Any], validation: Rows | None) -> Any:
    """Train all epochs on a stream that gives rows as the recipe trains on them; return Keras' History."""
    watch = [WarmUp(recipe, None), *callbacks] if recipe.warm_up else list(callbacks)
    held = None if validation is None else (validation.X, validation.y, validation.sample_weight)
    known = None if held is None else tuple(part for part in held if part is not None)
    given: dict[str, Any] = {
        "epochs": recipe.epochs,
        "callbacks": watch,
        "validation_data": known,
        "verbose": 0,
        "shuffle": False,
    }
    with warnings.catch_warnings():  # Keras learns how long an epoch is at the end of the first.
        warnings.filterwarnings("ignore", "Your input ran out of data")
        return fit_model(model, stream, None, **given)


def _loss_axes(model: Any) -> int:
    """Return how many axes the loss of a batch has before it is averaged: those of the output but for the last."""
    shape = getattr(model, "output_shape", None)
    return len(shape) - 1 if isinstance(shape, tuple) and all(not isinstance(s, (tuple, list)) for s in shape) else 1


def _start_well(model: Any, recipe: Recipe, dataset: Dataset, seed: int, train: Callable[[], Any]) -> None:
    """Give the model the initial weights whose loss after one epoch is the lowest of ``recipe.restarts``."""
    model.optimizer.build(model.trainable_variables)
    untouched, best = values(model.optimizer.variables), None
    for start in range(recipe.restarts):
        assign(model.optimizer.variables, untouched)
        weights = values(variables(recipe.build(dataset, seed + 7919 * start)))
        assign(variables(model), weights)
        loss = train().history["loss"][-1]
        if best is None or loss < best[0] or best[0] != best[0]:
            best = (loss, weights)
    assert best is not None
    assign(variables(model), best[1])
    assign(model.optimizer.variables, untouched)
    set_seeds(seed, recipe.own_code)


class WarmUp(keras.callbacks.Callback):
    """Train the head alone for some epochs, and then all layers at a tenth of the rate."""

    def __init__(self, recipe: Recipe, loop: Loop | None) -> None:
        """Take the recipe, which says how many epochs, and the loop, which has to trace a step anew then."""
        super().__init__()
        self._until, self._loop = recipe.warm_up, loop
        self._names = frozenset(backbone(recipe))
        self._held: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Freeze the layers that began from loaded weights; the optimizer knows their variables all the same."""
        self.model.optimizer.build(self.model.trainable_variables)
        self._held = [layer for layer in every_layer(self.model) if layer.name in self._names]
        self._set(False)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Train them too, from their epoch on."""
        if self._held and epoch >= self._until:
            self._set(True)
            self._held = []
            rate = self.model.optimizer.learning_rate
            self.model.optimizer.learning_rate = float(keras.ops.convert_to_numpy(rate)) * LATER_RATE

    def on_train_end(self, logs: Any = None) -> None:
        """Leave the layers as the recipe has them."""
        self._set(True)

    def _set(self, trainable: bool) -> None:
        for layer in self._held:
            layer.trainable = trainable
        if self._loop is not None:
            self._loop.forget()
        self.model.make_train_function(force=True)


class Deadline(keras.callbacks.Callback):
    """Stop a training between two batches once its time is over; its last epoch is then a short one.

    Attributes:
        over: Whether it stopped the training.
        cut: Whether that was inside an epoch.
    """

    def __init__(self, deadline: float | None, clock: Callable[[], float], seconds: float | None = None) -> None:
        """Take a time by ``clock``, and seconds from the end of the first batch, which traces; None never stops."""
        super().__init__()
        self._deadline, self._clock, self._seconds = deadline, clock, seconds
        self._traced: float | None = None
        self.over = self.cut = False

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Stop when the time is over."""
        if self.over:
            return
        now = self._clock()
        self._traced = now if self._traced is None else self._traced
        over = self._seconds is not None and now > self._traced + self._seconds
        if over or (self._deadline is not None and now > self._deadline):
            self.over, self.cut = True, batch + 1 != (self.params or {}).get("steps")
            self.model.stop_training = True


class Ruined(keras.callbacks.Callback):
    """Stop a training whose weights are no numbers any more: no later step can bring them back."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the weights where the loss is no finite number."""
        loss = (logs or {}).get("loss", 0.0)
        if np.ndim(loss) or np.isfinite(loss):
            return
        if any(np.isnan(part).any() for part in values(self.model.trainable_variables)):
            self.model.stop_training = True


class BestEpoch(keras.callbacks.Callback):
    """Keep the weights of the epoch with the best validation score; of ones near it that which finds all classes.

    A mean over classes hardly tells an epoch that finds all of two classes and nothing of the third from one that
    finds two thirds of each; so of epochs that chance may have put in order the one counts whose worst class is found
    most often, the latest of equals.

    Attributes:
        restored: Whether the model was given the weights of an earlier epoch at the end.
    """

    def __init__(self, evidence: Callable[[], Evidence], tolerance: float) -> None:
        """Prepare.

        Args:
            evidence: Gives what was measured so far; called behind whatever measures.
            tolerance: By so much a score may lie under the best and be called as good.
        """
        super().__init__()
        self._evidence, self._tolerance = evidence, tolerance
        self._kept: int | None = None
        self._weights: list[Any] = []
        self.restored = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep this epoch if it is as good as any."""
        scores = self._scores
        if len(scores) != epoch + 1:
            return
        least = max(scores) - self._tolerance
        kept = self._kept is not None and scores[self._kept] >= least
        if scores[-1] >= least and not (kept and self._worst_class(epoch) < self._worst_class(self._kept)):
            self._kept, self._weights = epoch, self.model.get_weights()

    @property
    def _scores(self) -> Sequence[float]:
        return self._evidence().val_score or ()

    def _worst_class(self, epoch: int | None) -> float:
        recalls = self._evidence().val_recalls or ()
        return min(recalls[epoch], default=0.0) if epoch is not None and epoch < len(recalls) else 0.0

    def restore(self, model: Any) -> None:
        """Give a model the weights of the epoch that was kept, where there is one."""
        if self._kept is not None:
            model.set_weights(self._weights)

    def on_train_end(self, logs: Any = None) -> None:
        """Give the model the weights of the epoch that was kept."""
        if self._kept is not None and self._kept + 1 < len(self._scores):
            self.model.set_weights(self._weights)
            self.restored = True


def variables(model: Any) -> list[Any]:
    """Return weights, moving averages and the states of random layers, in a fixed order."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def values(variables: Sequence[Any]) -> list[Any]:
    """Return copies of the values of variables."""
    return [keras.ops.convert_to_numpy(v.value).copy() for v in variables]


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Set variables to values in the same order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
