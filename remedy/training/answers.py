"""What a model answers to a few rows, and what its own loss makes of that."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import Scorer
from remedy.errors import InvalidInput
from remedy.evidence.static import KERAS_BATCH_SIZE, row_weights
from remedy.recipe.live_model import first_line
from remedy.recipe.recipe import Recipe

PREDICTED_BYTES = 1 << 23
"""Bytes of the rows that are asked at once: batches of photos are felt beside a training."""


def predict(model: Any, X: arrays.Nest, batch_size: int) -> Any:
    """Return the model's outputs for X in inference mode, as Keras' ``predict`` does, in batches.

    ``predict_on_batch`` keeps its traced function, so a call an epoch costs milliseconds and not
    the rebuilding of a data pipeline. Batches of more than `PREDICTED_BYTES` are made smaller.
    """
    n = arrays.length(X)
    size = max(1, min(batch_size, PREDICTED_BYTES * n // max(1, arrays.nbytes(X))))
    whole: Any = None
    for start in range(0, n, size):
        # A short batch is filled up with the first rows: another shape would be another trace.
        rows = np.arange(start, start + size) % n
        part = model.predict_on_batch(arrays.take(X, rows))
        whole = part if whole is None else arrays.concatenate(whole, part)
    return arrays.take(whole, slice(0, n))


def require_objective(scorer: Scorer, recipe: Recipe, data: Dataset) -> None:
    """Try an objective of the user's own once, on what a fresh model answers, before a search rests on it.

    Raises:
        InvalidInput: It raises, or returns no number.
    """
    held = data.holdout or data.train
    answers = predict(recipe.build(data, 0), held.X, recipe.batch_size or KERAS_BATCH_SIZE)
    shapes = f"labels of shape {held.target.shape} and answers of shape {np.shape(arrays.leaves(answers)[0])}"
    try:
        scorer(held.y if scorer.whole else held.target, answers)
    except Exception as error:
        raise InvalidInput(
            f"Search(objective={scorer.name}) cannot be used: given {shapes} it raised "
            f"{first_line(error)}. Give a function (y_true, y_pred) -> float."
        ) from error


WORST_LOSS = 1e30
"""What a loss that is no finite number counts as."""


def loss_scorer(recipe: Recipe) -> Scorer:
    """Return the score of a program whose answers fit no other: its own loss, turned so that higher is better."""
    plain = recipe.replace(class_weight=None)

    def score(y: Any, output: Any) -> float:
        cost = probe_loss(plain, Rows(output, y), output)
        return -WORST_LOSS if cost is None else -cost

    return Scorer("negative_loss", None, score, own=True, worst=-WORST_LOSS)


def probe_loss(recipe: Recipe, rows: Rows, outputs: Any) -> float | None:
    """Return the recipe's loss on given outputs, weighted as in training; None for several losses."""
    if recipe.loss_name is None:
        return None
    loss = keras.losses.get(recipe.make_loss())
    weights = row_weights(rows, recipe.class_weight).astype("float32")
    target = rows.target
    if outputs.ndim == target.ndim + 1 and outputs.shape[-1] == 1:
        target = target[..., None]
    if isinstance(loss, keras.losses.Loss):
        return float(keras.ops.convert_to_numpy(loss(target, outputs, sample_weight=weights)))
    per_row = np.asarray(keras.ops.convert_to_numpy(loss(target, outputs)))
    if not per_row.ndim:  # A loss of the user's own, such as dice, that is a mean already.
        return float(per_row)
    return float(np.mean(per_row.reshape(len(rows), -1).mean(-1) * weights))
