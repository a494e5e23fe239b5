"""widen-architecture: more units or filters in the hidden layers."""

from __future__ import annotations

import math
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.recipe.architecture import Architecture, LayerConfig, name_of, width_key
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import DENSE_OR_CONVOLUTION, RECURRENT, kernels, rewrite, settings_patch, tied

KINDS = DENSE_OR_CONVOLUTION | RECURRENT

LEAST = 16
MOST = 512


class WidenArchitecture(Remedy):
    """Multiply the width of the hidden layers, recurrent ones included; none is left with fewer than 16 units.

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
        factor, stay = float(dose["factor"]), tied(recipe.architecture, KINDS)

        def change(model: Architecture, layer: LayerConfig) -> None:
            for part in _parts(layer) if name_of(layer) not in stay else ():
                key = width_key(part)
                if key:
                    now = part["config"][key]
                    part["config"][key] = max(now, min(MOST, max(LEAST, math.ceil(now * factor))))

        return recipe.replace(architecture=rewrite(recipe.architecture, change, KINDS))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Spell the widths."""
        return _widths(recipe), _widths(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with wider layers."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _widths(recipe: Recipe) -> str:
    parts = [part for _, layer in kernels(recipe.architecture, KINDS) for part in _parts(layer)]
    return "-".join(str(part["config"][key]) for part in parts if (key := width_key(part)))


def _parts(layer: LayerConfig) -> list[LayerConfig]:
    """Return the layer, or the two that a Bidirectional runs in opposite directions."""
    both = [layer["config"].get(key) for key in ("layer", "backward_layer")]
    return [part for part in both if isinstance(part, dict)] or [layer]
