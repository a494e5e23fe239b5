"""optimizer: another rule of descent, with a rate that suits it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution, FloatDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.own_callbacks import has_schedule, without_schedule
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import leaving_schedule_out
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._specimens import Program, table
from remedy.remedies.clip_gradients import CLIPS

ADAPTIVE = ("Adam", "AdamW", "Nadam", "RMSprop", "Lion")


class Optimizer(Remedy):
    """Train with another optimizer.

    Adam scales every weight's step by the size of its own gradients, so it needs no hand-tuned rate
    for most nets; momentum carries plain descent over plateaus.

    Source: Kingma and Ba, "Adam", ICLR 2015 (0.001 as default rate); Sutskever et al., "On the
    importance of initialization and momentum in deep learning", ICML 2013 (momentum 0.9).
    """

    name = "optimizer"
    space: ClassVar = {
        "kind": CategoricalDistribution(["Adam", "RMSprop", "SGD"]),
        "rate": FloatDistribution(1e-4, 1e-1, log=True),
    }
    usual = {"kind": "Adam", "rate": 1e-3}
    sets_rate = True
    excludes = ("learning-rate",)
    recompiles = True

    def specimen(self) -> Program:
        """Return a net under plain descent."""
        return table(optimizer="sgd")

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return Adam at its default rate, then at five times that; nothing for Adam's own kin."""
        del dataset
        if recipe.descent["class_name"] in ADAPTIVE:
            return []
        return [{"kind": "Adam", "rate": 1e-3}, {"kind": "Adam", "rate": 5e-3}]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put another optimizer in; bounds on the gradients stay, a callback that sets the rate is left out."""
        kind, rate = str(dose["kind"]), float(dose["rate"])
        old = recipe.optimizer
        if old["class_name"] == kind and old["config"].get("learning_rate") == rate:
            raise NotApplicable(f"it is {kind} at this rate already")
        config = {"learning_rate": rate} | {k: old["config"][k] for k in CLIPS if old["config"].get(k)}
        if kind == "SGD":
            config["momentum"] = 0.9
        new = {"module": "keras.optimizers", "class_name": kind, "config": config, "registered_name": None}
        return recipe.replace(optimizer=new, callbacks=without_schedule(recipe.callbacks))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name both with their rates."""
        return _optimizer_of(recipe), _optimizer_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Nothing of its own but for a callback that would overrule it: the optimizer stands in the compile line."""
        return leaving_schedule_out(recipe)


def _optimizer_of(recipe: Recipe) -> str:
    momentum = recipe.descent["config"].get("momentum") or 0
    extra = f", momentum {momentum:g}" if momentum else ""
    extra += ", LearningRateScheduler" if has_schedule(recipe.callbacks) else ""
    return f"{recipe.optimizer['class_name']} at {recipe.learning_rate:.3g}{extra}"
