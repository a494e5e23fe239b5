"""train-embedding: let a frozen table of words learn."""

from __future__ import annotations

from typing import Any

from remedy.architecture import LayerConfig, name_of
from remedy.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import settings_patch


class TrainEmbedding(Remedy):
    """Train a frozen Embedding from what it holds.

    Rows of zeros learn as fast as any: their gradient is that of the layer which reads them.

    Source: Kim, "Convolutional neural networks for sentence classification", EMNLP 2014 (static against non-static
    word vectors).
    """

    name = "train-embedding"
    treats = ("ARC312",)
    surgery = True
    recompiles = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Change every Embedding that asks for it."""
        if not any(map(_asks, recipe.architecture.layers("Embedding"))):
            raise NotApplicable("no Embedding is frozen")

        def change(layer: LayerConfig) -> None:
            layer["config"]["trainable"] = True

        return recipe.replace(architecture=recipe.architecture.edit(change, "Embedding"))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the layers."""
        names = ", ".join(name_of(layer) for layer in recipe.architecture.layers("Embedding") if _asks(layer))
        return f"{names}: frozen", "trained"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with the setting."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _asks(layer: LayerConfig) -> bool:
    return not layer["config"].get("trainable", True)
