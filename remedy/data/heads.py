"""Models of several outputs: every head with its own labels, its own task and its own score.

A head's score is counted as its share of the way from the best constant answer to a perfect one, so that heads of
classes and heads of numbers can be put together; the score of the model is the mean over its heads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest
from remedy.data.scores import OBJECTIVES, Task, constant_score, score_name
from remedy.data.task import infer_task
from remedy.keras_internals import is_keras

WORST = -1.0


@dataclass(frozen=True)
class Head:
    """One output of a model.

    Attributes:
        name: Of the output, as Keras names it.
        task: What its labels ask for.
        logits: Whether it answers with raw scores.
    """

    name: str
    task: Task
    logits: bool = False

    def way(self, y: Array, output: Array) -> float:
        """Return the share of the way from the best constant answer (0) to a perfect one (1); -1 at worst."""
        constant = constant_score(self.task, y)
        score = OBJECTIVES[score_name(self.task, y)](y, output, self.logits)
        if not math.isfinite(score) or constant >= 1:
            return WORST
        return max(WORST, (score - constant) / (1 - constant))


def heads_of(model: Any, y: Nest) -> tuple[Head, ...]:
    """Return the heads of a model of several outputs, in Keras' order; none where they cannot be told apart.

    Args:
        model: Built and compiled.
        y: Labels of shape (n, ...), by name or in the order of the outputs.
    """
    if len(arrays.leaves(y)) < 2 or not getattr(model, "built", False):
        return ()
    output = getattr(model, "output", None)
    names = sorted(output) if isinstance(output, Mapping) else list(getattr(model, "output_names", ()))
    shapes = getattr(model, "output_shape", None)
    units = [shapes[name] for name in names] if isinstance(shapes, Mapping) else shapes
    if len(names) < 2 or not isinstance(units, (list, tuple)) or len(units) != len(names):
        return ()
    labels = parts(y, names)
    losses = _losses(model.loss, names)
    if labels is None or losses is None:
        return ()
    found = []
    for name, target, loss, shape in zip(names, labels, losses, units, strict=True):
        spelled = loss if isinstance(loss, str) else getattr(loss, "name", None) or getattr(loss, "__name__", None)
        last = shape[-1] if isinstance(shape, (tuple, list)) and shape else None
        raw = not isinstance(loss, str) and hasattr(loss, "get_config") and bool(loss.get_config().get("from_logits"))
        found.append(Head(str(name), infer_task(target, spelled, last if isinstance(last, int) else None), raw))
    return tuple(found)


def _losses(loss: Any, names: Sequence[str]) -> list[Any] | None:
    """Return the loss of every output; None where one has none, or one of the user's own."""
    found = per_output(loss, names)
    if len(found) != len(names):
        return None
    own = [part is None or not (isinstance(part, str) or is_keras(part)) for part in found]
    return None if any(own) else found


def per_output(given: Any, names: Sequence[str]) -> list[Any]:
    """Return what was given for every output, in their order: by name, in order, or one for all.

    Args:
        given: A loss, weights or metrics as ``compile`` takes them, or their configurations.
        names: Of the outputs.
    """
    if isinstance(given, Mapping) and "class_name" not in given:
        return [given.get(name) for name in names]
    return list(given) if isinstance(given, (list, tuple)) else [given] * len(names)


def parts(nest: Nest, names: Sequence[str]) -> list[Any] | None:
    """Return the parts of labels or outputs in the order of these names; None where they do not fit."""
    if isinstance(nest, Mapping):
        return [nest[name] for name in names] if set(names) <= set(nest) else None
    if isinstance(nest, (list, tuple)):
        return list(nest) if len(nest) == len(names) else None
    return None


def ways(heads: Sequence[Head], y: Nest, output: Nest) -> dict[str, float]:
    """Return how far every head is on its way, by name."""
    names = [head.name for head in heads]
    truth, told = parts(y, names), parts(output, names)
    if truth is None or told is None:
        return {head.name: WORST for head in heads}
    return {head.name: head.way(a, np.asarray(b)) for head, a, b in zip(heads, truth, told, strict=True)}


def mean_way(heads: Sequence[Head], y: Nest, output: Nest) -> float:
    """Return the mean over the heads."""
    return float(np.mean(list(ways(heads, y, output).values())))


def to_text(heads: Sequence[Head]) -> str:
    """Spell heads for a file of arrays."""
    return json.dumps([asdict(head) for head in heads])


def from_text(text: str) -> tuple[Head, ...]:
    """Read what `to_text` wrote."""
    return tuple(Head(**head) for head in json.loads(text))
