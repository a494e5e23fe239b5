"""freeze-backbone: keep loaded layers as they are, for good or until the head has learnt."""

from __future__ import annotations

from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.remedies._backbone import backbone, frozen_lines, set_trainable
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, fine_tuned

WARM_UP = 3
"""One epoch in so many trains the head alone; from then on all layers are trained, at a tenth of the rate."""


class FreezeBackbone(Remedy):
    """Train a head on loaded layers that stay as they are: "frozen" to the end, or "head-first" for a third of it.

    Source: Keras' guide "Transfer learning and fine-tuning" (freeze, train the head, unfreeze at a very low rate);
    Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution", ICLR 2022.
    """

    name = "freeze-backbone"
    treats = ("OPT417",)
    space = {"how": CategoricalDistribution(["frozen", "head-first"])}
    usual = {"how": "frozen"}
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a loaded backbone that is trained, under a fresh head."""
        return fine_tuned()

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> list[dict[str, Any]]:
        """Return both ways."""
        del recipe, dataset
        return [{"how": "frozen"}, {"how": "head-first"}]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Freeze the loaded layers, or note after how many epochs they are trained."""
        recipe.architecture.require_open()
        names = backbone(recipe)
        if not names:
            raise NotApplicable("no trained layer began from loaded weights")
        if dose["how"] == "frozen":
            return recipe.replace(architecture=set_trainable(recipe.architecture, names, False), warm_up=0)
        if recipe.warm_up or recipe.epochs < 2:
            raise NotApplicable("the head is trained first already, or there is one epoch only")
        if not isinstance(recipe.descent["config"].get("learning_rate"), (int, float)):
            raise NotApplicable("the rate follows a schedule of its own")
        return recipe.replace(warm_up=max(1, recipe.epochs // WARM_UP))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Say what is trained when."""
        many = len(backbone(recipe))
        first = f"frozen for {changed.warm_up} epochs, then a tenth of the rate"
        return f"{many} loaded layers trained", first if changed.warm_up else "frozen"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Set `trainable`; a head that is trained first has its lines behind those of all remedies."""
        return frozen_lines(backbone(recipe))
