"""add-activation: give hidden layers that are only linear a nonlinearity."""

from __future__ import annotations

from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.recipe.architecture import Architecture, LayerConfig
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import bends, kernels, rewrite, settings_patch
from remedy.remedies._specimens import Program, table


class AddActivation(Remedy):
    """Put an activation on every hidden layer between which and the next weights there is none.

    Without it two layers are one: the product of two matrices is a matrix.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.1; rectified linear
    units as the default choice: section 6.3.
    """

    name = "add-activation"
    space = {"kind": CategoricalDistribution(["relu", "elu", "gelu", "tanh"])}
    usual = {"kind": "relu"}
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a net without a nonlinearity."""
        return table(hidden=None)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the activation of the hidden layers that have none."""

        def change(model: Architecture, layer: LayerConfig) -> None:
            if not bends(model, layer):
                layer["config"]["activation"] = str(dose["kind"])

        return recipe.replace(architecture=rewrite(recipe.architecture, change))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Count the layers that are only linear."""
        kinds = {a["config"].get("activation") for _, a in kernels(changed.architecture)} - {"linear", None}
        return f"{_flat(recipe)} hidden layers without activation", f"{_flat(changed)}; {', '.join(map(_word, kinds))}"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with the activations."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _flat(recipe: Recipe) -> int:
    return sum(not bends(model, layer) for model, layer in kernels(recipe.architecture))


def _word(activation: Any) -> str:
    return activation if isinstance(activation, str) else "an activation of the user's own"
