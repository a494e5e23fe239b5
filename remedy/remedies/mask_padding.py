"""mask-padding: pass over the zeros behind the end of a text."""

from __future__ import annotations

from typing import Any

from remedy.architecture import LayerConfig, name_of
from remedy.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import settings_patch


class MaskPadding(Remedy):
    """Leave the zeros behind the end of a text out: ``mask_zero=True`` in every Embedding.

    Recurrent layers then stop at the last word; layers that know no masks drop them.

    Source: the guide "Masking and padding with Keras".
    """

    name = "mask-padding"
    treats = ("ARC311",)
    surgery = True
    recompiles = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Change every Embedding that asks for it."""
        if not any(map(_asks, recipe.architecture.layers("Embedding"))):
            raise NotApplicable("no Embedding leaves its zeros unmasked")

        def change(layer: LayerConfig) -> None:
            layer["config"]["mask_zero"] = True

        return recipe.replace(architecture=recipe.architecture.edit(change, "Embedding"))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the layers."""
        names = ", ".join(name_of(layer) for layer in recipe.architecture.layers("Embedding") if _asks(layer))
        return f"{names}: zeros are read", "zeros are masked"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with the setting."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _asks(layer: LayerConfig) -> bool:
    return not layer["config"].get("mask_zero")
