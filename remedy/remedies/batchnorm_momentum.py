"""batchnorm-momentum: let BatchNormalization's moving averages follow faster."""

from __future__ import annotations

from typing import Any

from optuna.distributions import FloatDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import LayerConfig
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import for_every_layer


class BatchNormMomentum(Remedy):
    """Set the momentum of every BatchNormalization layer.

    With momentum m the averages forget their initial values within about 5 / (1 - m) steps: 500
    steps at Keras' 0.99, 50 at 0.9.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015, section 3.1.
    """

    name = "batchnorm-momentum"
    treats = ("OPT405",)
    space = {"momentum": FloatDistribution(0.5, 0.98)}
    usual = {"momentum": 0.9}
    surgery = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the momentum of all BatchNormalization layers, nested models included."""
        momentum = float(dose["momentum"])
        found = [layer["config"]["momentum"] for layer in recipe.architecture.layers("BatchNormalization")]
        if not found or all(m <= momentum for m in found):
            raise NotApplicable(f"no BatchNormalization layer has a momentum above {momentum:g}")

        def change(layer: LayerConfig) -> None:
            layer["config"]["momentum"] = min(momentum, layer["config"]["momentum"])

        return recipe.replace(architecture=recipe.architecture.edit(change, "BatchNormalization"))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the largest momentum before and after."""
        return _largest(recipe), _largest(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Set the attribute before the first step."""
        momentum = f"{float(dose['momentum']):.6g}"
        return (
            for_every_layer(recipe.architecture) + "    if isinstance(layer, keras.layers.BatchNormalization):\n"
            f"        layer.momentum = min({momentum}, layer.momentum)"
        )


def _largest(recipe: Recipe) -> str:
    momenta = [layer["config"]["momentum"] for layer in recipe.architecture.layers("BatchNormalization")]
    return f"{max(momenta):g}" if momenta else "none"
