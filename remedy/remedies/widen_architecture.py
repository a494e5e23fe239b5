"""widen-architecture: more units or filters in the hidden layers."""

from __future__ import annotations

import math
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.architecture import Architecture, LayerConfig, width_key
from remedy.dataset import Dataset
from remedy.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import kernels, rewrite, settings_patch

LEAST = 16
MOST = 512


class WidenArchitecture(Remedy):
    """Multiply the width of the hidden layers; none is left with fewer than 16 units.

    A layer of very few units is a bottleneck that a whole net has to squeeze through, and one
    that dies there ends the training. Wider nets also have more good starts.

    Source: Frankle and Carbin, "The Lottery Ticket Hypothesis", 2019 (wide nets hold trainable
    parts); Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.4.
    """

    name = "widen-architecture"
    space = {"factor": CategoricalDistribution([2, 4])}
    usual = {"factor": 2}
    costly = True
    excludes = ("simplify-architecture",)
    surgery = True
    recompiles = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the widths."""
        factor = float(dose["factor"])

        def change(model: Architecture, layer: LayerConfig) -> None:
            key = width_key(layer)
            if key:
                now = layer["config"][key]
                layer["config"][key] = max(now, min(MOST, max(LEAST, math.ceil(now * factor))))

        return recipe.replace(architecture=rewrite(recipe.architecture, change))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Spell the widths."""
        return _widths(recipe), _widths(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with wider layers."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _widths(recipe: Recipe) -> str:
    found = [layer["config"][key] for _, layer in kernels(recipe.architecture) if (key := width_key(layer))]
    return "-".join(map(str, found))
