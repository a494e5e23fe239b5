"""Whether the usual score fits what a model answers; where it does not, nothing is judged by it, and that is said.

Balanced accuracy reads an answer as probabilities of classes, R^2 as the value itself. The distance of a siamese net,
the parameters of a mixture or one of several outputs are neither: a score on them calls a net that learns stuck, and
a search that follows it prefers one that has collapsed.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import CLASSIFICATION
from remedy.evidence.model_facts import head_facts
from remedy.keras_internals import is_keras
from remedy.recipe.recipe import Recipe

log = logging.getLogger(__name__)

PROBABILITIES = ("softmax", "sigmoid", "hard_sigmoid")


def unscored(recipe: Recipe | None, dataset: Dataset, model: Any) -> str | None:
    """Return why a model's answers cannot be scored against the labels, in words; None where they can.

    Args:
        recipe: How it is trained; None where that cannot be written down.
        dataset: What it is trained on.
        model: The live model.
    """
    if dataset.heads:
        return None if type(model).train_step is _keras_step() else "it has several outputs and its own train_step"
    outputs = _shapes(getattr(model, "output_shape", None) if getattr(model, "built", False) else None)
    if len(arrays.leaves(dataset.train.y)) != 1 or len(outputs) > 1:
        return "it has several outputs"
    loss = getattr(model, "loss", None)
    if loss is None:
        return "its loss is computed inside the model"
    if not _own(loss) and type(model).train_step is _keras_step():
        return None
    name = getattr(loss, "name", None) or getattr(loss, "__name__", None) or "train_step"
    if dataset.task in CLASSIFICATION or dataset.task == "multilabel":
        heads = [] if recipe is None else head_facts(recipe)
        if heads and heads[0]["activation"] not in (*PROBABILITIES, "unknown"):
            return f"its own loss {name} is laid on answers that are no probabilities"
        return None
    wanted = int(np.prod(np.shape(dataset.train.target)[1:]))
    if outputs and wanted and None not in outputs[0] and int(np.prod(outputs[0])) != wanted:
        return (
            f"its own loss {name} takes {int(np.prod(outputs[0]))} answers for {wanted} value{'s'[: wanted > 1]} of y"
        )
    return None


def defined_at_zero(recipe: Recipe, rows: Rows) -> bool | None:
    """Say whether the gradient of a loss of the user's own is a number where answers are exactly right.

    Args:
        recipe: Holds the loss.
        rows: Some training rows; their labels are the answers.
    """
    import keras

    if recipe.own_loss is None or keras.backend.backend() != "tensorflow" or not isinstance(rows.y, np.ndarray):
        return None
    import tensorflow as tf

    truth = tf.convert_to_tensor(rows.y[:16].astype("float32").reshape(len(rows.y[:16]), -1))
    try:
        with tf.GradientTape() as tape:
            tape.watch(truth)
            cost = keras.losses.get(recipe.make_loss())(tf.stop_gradient(truth), truth)
        found = tape.gradient(cost, truth)
    except Exception:  # A loss that takes other answers than these.
        log.debug("the loss is not tried at zero", exc_info=True)
        return None
    return found is None or bool(np.all(np.isfinite(np.asarray(found))))


def _shapes(shape: Any) -> list[tuple[Any, ...]]:
    """Return the shape of one row of every output."""
    if shape is None:
        return []
    if isinstance(shape, dict):
        return [row for part in shape.values() for row in _shapes(part)]
    if shape and isinstance(shape[0], (tuple, list, dict)):
        return [row for part in shape for row in _shapes(part)]
    return [tuple(shape[1:])]


def _own(loss: Any) -> bool:
    """Say whether a loss is the user's own and none of Keras'."""
    if isinstance(loss, (list, tuple)):
        return any(map(_own, loss))
    return not isinstance(loss, str) and not is_keras(loss)


def _keras_step() -> Any:
    import keras

    return keras.Model.train_step
