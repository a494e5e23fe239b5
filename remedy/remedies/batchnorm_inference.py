"""batchnorm-inference: loaded BatchNormalization layers keep the averages that they came with."""

from __future__ import annotations

from typing import Any

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import name_of
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import pretrained
from remedy.remedies._backbone import frozen_lines, set_trainable
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, fine_tuned


class BatchnormInference(Remedy):
    """Freeze every BatchNormalization that was loaded: in Keras it then works with its averages in training, too.

    Source: Keras' guide "Transfer learning and fine-tuning", section on BatchNormalization.
    """

    name = "batchnorm-inference"
    treats = ("ARC315",)
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a frozen backbone whose averages are trained."""
        return fine_tuned(frozen=("conv", "features"))

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Freeze them."""
        names = self._loaded(recipe)
        if not names:
            raise NotApplicable("no BatchNormalization that is trained was loaded")
        return recipe.replace(architecture=set_trainable(recipe.architecture, names, False))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Count them."""
        return f"{len(self._loaded(recipe))} BatchNormalization trained", "in inference mode"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Set `trainable`."""
        return frozen_lines(self._loaded(recipe))

    @staticmethod
    def _loaded(recipe: Recipe) -> list[str]:
        known, layers = pretrained(recipe), recipe.architecture.layers("BatchNormalization")
        return [name_of(e) for e in layers if name_of(e) in known and e["config"].get("trainable", True)]
