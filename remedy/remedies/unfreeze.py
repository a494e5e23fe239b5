"""unfreeze: train layers that are frozen."""

from __future__ import annotations

from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import name_of
from remedy.recipe.recipe import Recipe
from remedy.remedies._backbone import OPENED, frozen, frozen_lines, set_trainable
from remedy.remedies._base import Remedy
from remedy.remedies._layers import head_layers
from remedy.remedies._specimens import Program, fine_tuned


class Unfreeze(Remedy):
    """Train the head, or every layer but BatchNormalization, from the weights that they have.

    Source: Keras' guide "Transfer learning and fine-tuning", steps "create a new model on top" and "fine-tuning".
    """

    name = "unfreeze"
    treats = ("ARC314",)
    space = {"what": CategoricalDistribution(["head", "all"])}
    usual = {"what": "head"}
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a net all of whose layers are frozen."""
        return fine_tuned(frozen=("conv", "averages", "features"), head=False)

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> list[dict[str, Any]]:
        """Return the head first."""
        del recipe, dataset
        return [{"what": "head"}, {"what": "all"}]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set `trainable`."""
        recipe.architecture.require_open()
        names = self._chosen(recipe, str(dose["what"]))
        if not names:
            raise NotApplicable("none of these layers is frozen")
        return recipe.replace(architecture=set_trainable(recipe.architecture, names, True))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Count the frozen layers."""
        return f"{len(frozen(recipe))} layers frozen", f"{len(frozen(changed))} layers frozen"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Open everything, and freeze again what stays frozen."""
        names = self._chosen(recipe, str(dose["what"]))
        stay = [name for name in frozen(recipe) if name not in names]
        return "\n".join([OPENED, *([frozen_lines(stay)] if stay else [])])

    @staticmethod
    def _chosen(recipe: Recipe, what: str) -> list[str]:
        heads = {name_of(entry) for entry in head_layers(recipe.architecture)}
        lasting = {name_of(entry) for entry in recipe.architecture.layers("BatchNormalization", "Normalization")}
        return [name for name in frozen(recipe) if name not in lasting and (what == "all" or name in heads)]
