"""What remedies share that change one setting of every Embedding."""

from __future__ import annotations

from typing import Any, ClassVar

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import LayerConfig, name_of
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import settings_patch


class EmbeddingSetting(Remedy):
    """Switch a setting of every Embedding on.

    Attributes:
        setting: Key of the layer's configuration.
        default: What Keras takes where the configuration lacks it.
        words: How it is said that the setting is off, and on.
    """

    setting: ClassVar[str]
    default: ClassVar[bool]
    words: ClassVar[tuple[str, str]]
    surgery = True
    recompiles = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Change every Embedding that asks for it."""
        if not self._asking(recipe):
            raise NotApplicable(f"no Embedding with {self.setting}=False")

        def change(layer: LayerConfig) -> None:
            layer["config"][self.setting] = True

        return recipe.replace(architecture=recipe.architecture.edit(change, "Embedding"))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the layers."""
        before, after = self.words
        return f"{', '.join(self._asking(recipe))}: {before}", after

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with the setting."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)

    def _asking(self, recipe: Recipe) -> list[str]:
        layers = recipe.architecture.layers("Embedding")
        return [name_of(layer) for layer in layers if not layer["config"].get(self.setting, self.default)]
