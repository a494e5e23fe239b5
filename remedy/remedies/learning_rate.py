"""learning-rate: set the rate, and drop or set its schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution, FloatDistribution

from remedy.data.dataset import Dataset
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.own_callbacks import has_schedule, without_schedule
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import leaving_schedule_out
from remedy.remedies._base import Dose, Remedy

TEXTBOOK = {"SGD": 1e-2, "Adadelta": 1.0, "Adagrad": 1e-2}
"""Usual initial rates where they are not 1e-3, Keras' default for the adaptive optimizers."""


class LearningRate(Remedy):
    """Train with another learning rate, constant or falling along a half cosine.

    Source: "the learning rate is perhaps the most important hyperparameter" (Goodfellow, Bengio,
    Courville, "Deep Learning", 2016, section 11.4.1); cosine schedule: Loshchilov and Hutter,
    "SGDR", ICLR 2017.
    """

    name = "learning-rate"
    space: ClassVar = {
        "rate": FloatDistribution(1e-5, 1e-1, log=True),
        "schedule": CategoricalDistribution(["constant", "cosine"]),
    }
    usual = {"rate": 1e-3, "schedule": "constant"}
    sets_rate = True
    recompiles = True

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return the optimizer's textbook rate, then one step further the same way.

        Nothing where the present rate is (within a factor of 1.5) the textbook's already: which way to go
        from there is told by a range test. A schedule on it is made constant.
        """
        del dataset
        now = recipe.learning_rate
        textbook = TEXTBOOK.get(str(recipe.descent["class_name"]), 1e-3)
        scheduled = isinstance(recipe.descent["config"].get("learning_rate"), dict) or has_schedule(recipe.callbacks)
        if now > 0 and abs(math.log(textbook / now)) <= math.log(1.5):
            rates = [textbook] if scheduled else []
        else:
            rates = [textbook, textbook * 3 if now < textbook else textbook / 3]
        space = self.space["rate"]
        return [{"rate": min(space.high, max(space.low, rate)), "schedule": "constant"} for rate in rates]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the rate; "cosine" lets it fall to zero at the last planned step. A callback that sets it is left out."""
        rate = float(dose["rate"])
        recipe = recipe.replace(callbacks=without_schedule(recipe.callbacks))
        if dose.get("schedule", "constant") == "constant":
            return recipe.with_optimizer(learning_rate=rate)
        return recipe.with_optimizer(
            learning_rate={
                "module": "keras.optimizers.schedules",
                "class_name": "CosineDecay",
                "config": {"initial_learning_rate": rate, "decay_steps": _steps(recipe, dataset)},
                "registered_name": None,
            }
        )

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name both rates and their schedules."""
        return _rate_of(recipe), _rate_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Nothing of its own but for a callback that would overrule it: the optimizer stands in the compile line."""
        return leaving_schedule_out(recipe)


def _steps(recipe: Recipe, dataset: Dataset) -> int:
    an_epoch = recipe.steps_per_epoch or math.ceil(len(dataset.train) / (recipe.batch_size or KERAS_BATCH_SIZE))
    return max(1, an_epoch * recipe.epochs)


def _rate_of(recipe: Recipe) -> str:
    rate = recipe.descent["config"].get("learning_rate")
    schedule = f", {rate['class_name']}" if isinstance(rate, dict) else ""
    if has_schedule(recipe.callbacks):
        schedule = ", LearningRateScheduler"
    return f"{recipe.learning_rate:.3g}{schedule}"
