"""What a trial is judged by: one number per task, higher is better, measured on unseen rows.

Accuracy is the wrong thing to watch where one class rules (Brodersen et al., "The balanced
accuracy and its posterior distribution", ICPR 2010): a constant answer gets balanced accuracy
1/K, macro F1 of the best constant, or R^2 = 0, whatever the class shares are. Of masks the mean Dice
coefficient counts: with few pixels of an object, a recall of all is had by painting far too many.

These are scikit-learn's scores, and tests hold them equal. They are asked after every epoch of every trial, and
scikit-learn's own take ten to twenty times as long (256 rows: recalls 2.9 ms against 0.13, R^2 0.8 against 0.07).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from remedy.data.arrays import Array
from remedy.errors import InvalidInput

Task = Literal["binary", "multiclass", "multilabel", "regression", "several"]
"""What labels ask for; "several" stands for a model of several outputs, each with a task of its own."""
Objective = Callable[[Any, Any], float]

CLASSIFICATION: tuple[Task, ...] = ("binary", "multiclass")


def class_ids(y: Array) -> Array:
    """Return integer class ids, shape (n,), from one-hot (n, k), sparse or two-valued labels.

    Labels -1/1 become 0/1, fractions (labels that were scaled) their rank.
    Sequence labels (n, t) or (n, t, k) are flattened to (n * t,).
    """
    y = np.asarray(y)
    if y.ndim > 1 and y.shape[-1] > 1 and not _holds_ids(y):
        return y.argmax(-1).reshape(-1)
    if y.dtype.kind in "bu" or (y.dtype.kind == "i" and (not y.size or y.min() >= 0)):
        return y.reshape(-1).astype("int64")  # Masks are large: no copy as fractions.
    values = np.nan_to_num(y.reshape(-1).astype("float64"))
    if values.size and not np.all(values == np.round(values)):
        return np.unique(values, return_inverse=True)[1].astype("int64")
    if values.size and values.min() < 0:
        return (values > 0).astype("int64")
    return values.astype("int64")


def _holds_ids(y: Array) -> bool:
    """Say whether the last axis runs along a sequence of class ids, and not over classes."""
    sample = np.asarray(y[:1000], dtype="float64")
    several = np.nanmax(sample, initial=0.0) > 1 or np.any(sample.sum(-1) != 1)
    return bool(several and np.all(sample == np.round(sample)))


def predicted_ids(output: Array, logits: bool = False) -> Array:
    """Return integer class ids, shape (n,), from a model's output (n, k) or (n, 1).

    Args:
        output: Probabilities, or logits of the same shape.
        logits: True where a single unit has no sigmoid; its threshold is then 0 and not 0.5.
    """
    output = np.nan_to_num(np.asarray(output, dtype="float64"))
    if output.ndim > 1 and output.shape[-1] > 1:
        return output.argmax(-1).reshape(-1)
    return (output.reshape(-1) > (0.0 if logits else 0.5)).astype("int64")


def keras_labels(y: Array) -> dict[int, int]:
    """Return how ``class_weight`` of Keras names the ids of `class_ids`, where by another number: -1 and 1."""
    y = np.asarray(y)
    if not y.size or y.dtype.kind not in "if" or (y.ndim > 1 and y.shape[-1] > 1) or y.min() != -1 or y.max() != 1:
        return {}
    return {0: -1, 1: 1} if np.all(np.abs(y) == 1) else {}


def cut_at_zero(y: Array, output: Array, logits: bool) -> bool:
    """Say whether answers of a single unit are cut at 0: raw scores, and answers on both sides of 0 to labels -1/1."""
    return logits or (bool(np.nanmin(output, initial=0.0) < 0) and bool(keras_labels(y)))


def recalls(y: Array, output: Array, logits: bool = False) -> dict[int, float]:
    """Return the recall of every class that occurs in ``y``: ``{class id: share found}``."""
    truth, guess = class_ids(y), predicted_ids(output, cut_at_zero(y, output, logits))
    return {int(c): float(np.mean(guess[truth == c] == c)) for c in np.unique(truth)}


def balanced_accuracy(y: Array, output: Array, logits: bool = False) -> float:
    """Return the mean recall over the classes present in ``y``, between 0 and 1."""
    return float(np.mean(list(recalls(y, output, logits).values())))


def is_mask(y: Array) -> bool:
    """Say whether labels are a class a pixel, shape (n, h, w), (n, h, w, 1) or one-hot (n, h, w, k).

    Example:
        >>> is_mask(np.ones((2, 8, 8, 1))), is_mask(np.eye(3)[np.zeros((2, 5), int)])
        (True, False)
    """
    y = np.asarray(y)
    return y.ndim > 3 or (y.ndim == 3 and y.shape[-1] > 1 and _holds_ids(y))


def mean_dice(y: Array, output: Array, logits: bool = False) -> float:
    """Return the mean over the classes present in ``y`` of the Dice coefficient (F1) of their pixels.

    Source: Milletari, Navab and Ahmadi, "V-Net", 3DV 2016, for Dice as what a segmentation is judged by.
    """
    truth, guess = class_ids(y), predicted_ids(output, logits)
    many = 1 + int(max(truth.max(initial=0), guess.max(initial=0)))
    hit = np.bincount(truth[truth == guess], minlength=many)
    there, said = np.bincount(truth, minlength=many), np.bincount(guess, minlength=many)
    return float(np.mean((2 * hit / np.maximum(there + said, 1))[there > 0]))


def macro_f1(y: Array, output: Array, logits: bool = False) -> float:
    """Return the mean F1 over the labels of a multilabel target, at probability 0.5."""
    truth = np.asarray(y) > 0.5
    guess = np.nan_to_num(np.asarray(output, dtype="float64")) > (0.0 if logits else 0.5)
    hit, false, missed = (truth & guess).sum(0), (~truth & guess).sum(0), (truth & ~guess).sum(0)
    return float(np.mean(2 * hit / np.maximum(2 * hit + false + missed, 1)))


def confusion(task: Task, y: Array, output: Array, logits: bool = False) -> tuple[tuple[float, float, int], ...]:
    """Return how often each class was taken for each: ``(true, predicted, rows)`` of every pair that occurs.

    Classes are named by the labels in ``y``, where every class has one label. Of a multilabel target every label
    is counted by itself: ``(k, k, found)`` and ``(k, -1, missed)``.

    Args:
        task: What the labels ask for; one with classes.
        y, output, logits: As for `recalls` and `macro_f1`.
    """
    if task == "multilabel":
        truth = (np.asarray(y) > 0.5).reshape(len(y), -1)
        guess = (np.nan_to_num(np.asarray(output, dtype="float64")) > (0.0 if logits else 0.5)).reshape(truth.shape)
        found, missed = (truth & guess).sum(0), (truth & ~guess).sum(0)
        sides = [((k, k, int(found[k])), (k, -1, int(missed[k]))) for k in range(len(found))]
        return tuple(pair for both in sides for pair in both)
    ids, guesses = class_ids(y), predicted_ids(output, cut_at_zero(y, output, logits))
    base = 1 + max(ids.max(initial=0), guesses.max(initial=0))
    pairs, counts = np.unique(ids * base + guesses, return_counts=True)
    names = _labels(y, ids)
    split = [(int(pair // base), int(pair % base), int(n)) for pair, n in zip(pairs, counts, strict=True)]
    return tuple((names.get(a, float(a)), names.get(b, float(b)), n) for a, b, n in split)


def _labels(y: Array, ids: Array) -> dict[int, float]:
    """Return the label of every class id; nothing where the ids are no other name of the labels."""
    flat = np.asarray(y, dtype="float64").reshape(-1)
    if len(flat) != len(ids):
        return {}
    found, first = np.unique(ids, return_index=True)
    names = dict(zip(found.tolist(), flat[first].tolist(), strict=True))
    return names if np.array_equal(np.array([names[i] for i in found])[np.searchsorted(found, ids)], flat) else {}


def answers(y: Array, output: Array, most: int = 300) -> tuple[tuple[float, float], ...]:
    """Return true and predicted value of at most ``most`` rows of a regression; of several columns the first."""
    truth = np.asarray(y, dtype="float64").reshape(len(y), -1)[:, 0]
    guess = np.asarray(output, dtype="float64").reshape(len(y), -1)[:, 0]
    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), most)).round().astype("int64"))
    return tuple(zip(truth[rows].tolist(), guess[rows].tolist(), strict=True))


def r2(y: Array, output: Array, logits: bool = False) -> float:
    """Return the coefficient of determination, clipped to [-1, 1]; non-finite answers count as far off.

    Args:
        y: Targets; values that are no finite numbers are left out, as a loss of the user's own may do.
        output: Answers.
        logits: They are raw scores of shares: of classes where those of a row sum to 1, else of labels.
    """
    truth = np.asarray(y, dtype="float64").reshape(len(y), -1)
    guess = np.nan_to_num(np.asarray(output, dtype="float64"), nan=0.0, posinf=1e30, neginf=-1e30)
    guess = guess.reshape(len(truth), -1)
    if logits:
        guess = _shares(guess, truth)
    if guess.shape != truth.shape:
        guess = np.broadcast_to(guess.mean(-1, keepdims=True), truth.shape)
    known = np.isfinite(truth)
    truth = np.where(known, truth, 0.0)
    centre = truth.sum(0) / np.maximum(known.sum(0), 1)
    total = float((known * (truth - centre) ** 2).sum())
    return float(np.clip(1 - float((known * (truth - guess) ** 2).sum()) / max(total, 1e-12), -1.0, 1.0))


def _shares(scores: Array, truth: Array) -> Array:
    """Return raw scores as probabilities: softmax where the truth of every row sums to 1, else sigmoid."""
    scores = np.clip(scores, -60.0, 60.0)
    if scores.shape[-1] > 1 and np.allclose(truth.sum(-1), 1.0, atol=1e-3):
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True))
    return np.asarray(1 / (1 + np.exp(-scores)))


@dataclass(frozen=True)
class Scorer:
    """The objective of one search: a name and how it is computed.

    Attributes:
        name: What is measured, as it appears in tables and in MLflow.
        constant: The score of the best constant answer (the floor that a fix has to leave).
        function: How it is computed, from target, output and ``logits``.
        logits: True when the model answers without a final sigmoid or softmax.
        own: True for the user's own objective, which takes target and output only.
        worst: What a score that is no finite number counts as.
        by_output: The same for every output of a model of several, by name; None for others.
    """

    name: str
    constant: float | None
    function: Callable[..., Any]
    logits: bool = False
    own: bool = False
    worst: float = -1.0
    by_output: Callable[[Any, Any], Mapping[str, float]] | None = None

    @property
    def whole(self) -> bool:
        """Whether it takes the labels and answers of all outputs, and not of the first."""
        return self.by_output is not None

    def __call__(self, y: Array, output: Array) -> float:
        """Score ``output`` against ``y``; a score that is no finite number counts as the worst."""
        value = float(self.function(y, output) if self.own or self.whole else self.function(y, output, self.logits))
        return value if np.isfinite(value) else self.worst


OBJECTIVES: Mapping[str, Callable[[Array, Array, bool], float]] = {
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
    "mean_dice": mean_dice,
    "r2": r2,
}
"""Scores by name."""


def score_name(task: Task, y: Array | None = None) -> str:
    """Return the name of a task's own score; of classes a pixel it is another one than of classes a row."""
    if task in CLASSIFICATION and y is not None and is_mask(y):
        return "mean_dice"
    return {"multilabel": "macro_f1", "regression": "r2", "several": "mean_of_outputs"}.get(task, "balanced_accuracy")


def require_known(objective: object) -> None:
    """Check the name of an objective.

    Raises:
        InvalidInput: No score has that name.
    """
    if not isinstance(objective, str) or objective not in OBJECTIVES:
        raise InvalidInput(
            f"Search(objective={objective!r:.60}) is not known: use one of {', '.join(sorted(OBJECTIVES))}, "
            "or a function (y_true, y_pred) -> float."
        )


def scorer_for(task: Task, y: Array, objective: str | Objective | None = None) -> Scorer:
    """Choose the scorer of a task, or wrap the user's own objective.

    Args:
        task: What the labels ask for.
        y: Labels that the constant answer is scored on, shape (n,) or (n, k).
        objective: None for the task's own score; one of "balanced_accuracy", "macro_f1", "mean_dice", "r2"; or a
            callable ``(y_true, y_pred) -> float``, higher is better.

    Raises:
        InvalidInput: The objective is not known.
    """
    if callable(objective):
        return Scorer(getattr(objective, "__name__", "objective"), None, objective, own=True)
    name = objective or score_name(task, y)
    require_known(name)
    return Scorer(name, constant_score(task, y), OBJECTIVES[name])


def constant_score(task: Task, y: Array) -> float:
    """Return what the best constant answer scores on ``y``: 1/K, its macro F1 or mean Dice coefficient, or 0."""
    if task in ("regression", "several"):
        return 0.0
    if task == "multilabel":
        share = (np.asarray(y) > 0.5).reshape(len(y), -1).mean(0)
        return float(np.mean(2 * share / (1 + share)))
    shares = np.unique(class_ids(y), return_counts=True)[1] / max(1, len(class_ids(y)))
    if is_mask(y) and len(shares):
        return float(np.max(2 * shares / (1 + shares)) / len(shares))
    return 1.0 / max(1, len(shares))


def standard_error(task: Task, y: Array) -> float:
    """Return how far chance alone moves the mean of recalls on such labels; 0 for other tasks, where it is not known.

    The binomial error of every recall, at one half, where it is largest.
    """
    if task not in CLASSIFICATION:
        return 0.0
    rows = np.unique(class_ids(y), return_counts=True)[1]
    return math.sqrt(float((0.25 / rows).sum())) / len(rows)
