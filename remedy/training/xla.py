"""XLA for trials: where Keras would choose it by itself, timed steps decide.

Keras compiles with XLA wherever there is a GPU. That makes steps of large networks faster, costs seconds to
minutes for every new graph, and rules the loop of `remedy.training.loop` out, which small networks gain most from.
What the user asked for by ``jit_compile=True`` or ``False`` is left alone. Mixed precision is never chosen here: a
fix is trained in the precision of the user's own layers, and its trials have to be the same training.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

import keras

from remedy.data.dataset import Dataset
from remedy.recipe.recipe import Recipe
from remedy.training.fit_recipe import fit_recipe
from remedy.training.loop import Loop

log = logging.getLogger(__name__)

STEPS = 5
"""Steps that are timed after the first, which compiles."""


@dataclass(frozen=True)
class TimedSteps:
    """Seconds of the first step, which compiles, and of each further one."""

    first: float
    step: float

    def seconds(self, steps: int) -> float:
        """Return what so many steps take."""
        return self.first + self.step * max(0, steps - 1)


class _Watch(keras.callbacks.Callback):
    """Notes when steps end, and stops after so many."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > STEPS:
            self.model.stop_training = True


def time_steps(recipe: Recipe, dataset: Dataset, seed: int, xla: bool) -> TimedSteps:
    """Train a few steps of a fresh model and time them.

    Args:
        recipe: What to train.
        dataset: Rows to train on.
        seed: Of the initial weights.
        xla: Compile with XLA.
    """
    recipe = recipe.replace(jit_compile=xla, metrics=None, weighted_metrics=None, restarts=1)
    model, watch = recipe.build(dataset, seed), _Watch()
    began = time.perf_counter()
    fit_recipe(model, recipe, dataset, seed, 0, 1 + STEPS, [watch], Loop(model), at_once=1)
    ends = watch.ends
    return TimedSteps(ends[0] - began, (ends[-1] - ends[0]) / max(1, len(ends) - 1))


def xla_pays(recipe: Recipe, dataset: Dataset, seed: int, steps: int) -> bool:
    """Say whether so many steps end sooner with XLA, compiling included; False where that cannot be measured."""
    try:
        plain, compiled = (time_steps(recipe, dataset, seed, xla) for xla in (False, True))
    except Exception:  # XLA knows no kernel for some layers, and the training does without.
        log.debug("trained without XLA", exc_info=True)
        return False
    return compiled.seconds(steps) < plain.seconds(steps)
