"""less-dropout: cap the rate of every Dropout layer."""

from __future__ import annotations

from typing import Any

from optuna.distributions import FloatDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import LayerConfig
from remedy.recipe.readers import DROPOUTS
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import for_every_layer


class LessDropout(Remedy):
    """Let no Dropout layer drop more than a given share.

    A network that cannot fit its training rows is not overfitting, and noise on every layer keeps
    it from learning; several layers above a half leave next to no signal.

    Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 7.12 (dropout reduces the
    effective capacity of a model); first overfit, then regularise (Karpathy, 2019).
    """

    name = "less-dropout"
    space = {"rate": FloatDistribution(0.0, 0.3)}
    usual = {"rate": 0.1}
    surgery = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Cap the rate of all dropout layers, nested models included."""
        rate = float(dose["rate"])
        rates = [layer["config"]["rate"] for layer in recipe.architecture.layers(*DROPOUTS)]
        if not rates or max(rates) <= rate:
            raise NotApplicable(f"no Dropout layer drops more than {rate:g}")

        def change(layer: LayerConfig) -> None:
            layer["config"]["rate"] = min(rate, layer["config"]["rate"])

        return recipe.replace(architecture=recipe.architecture.edit(change, *DROPOUTS))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """List the rates before and after."""
        return _rates(recipe), _rates(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Set the attribute before the first step."""
        rate = f"{float(dose['rate']):.6g}"
        return (
            for_every_layer(recipe.architecture) + "    if 'Dropout' in type(layer).__name__:\n"
            f"        layer.rate = min({rate}, layer.rate)"
        )


def _rates(recipe: Recipe) -> str:
    rates = [f"{layer['config']['rate']:.3g}" for layer in recipe.architecture.layers(*DROPOUTS)]
    return ", ".join(rates[:4]) + (", ..." if len(rates) > 4 else "")
