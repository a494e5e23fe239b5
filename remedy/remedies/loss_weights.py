"""loss-weights: weigh the losses of several outputs so that each costs as much as the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.static import head_priors
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import FIT, ROWS, Program

NEAR = 3.0
"""Outputs whose constant answers cost within this factor of each other are left alone."""


class LossWeights(Remedy):
    """Divide the loss of every output by what the best constant answer to it costs.

    All outputs share the layers below, and what is made smaller is the sum of their losses: one that costs a thousand
    times as much as another is all that the shared layers learn. Afterwards each begins near one.

    Source: Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses", CVPR 2018 (why weights
    of losses matter); the scale of a loss taken from its constant answer is the plainest of such weights.
    """

    name = "loss-weights"
    treats = ("HED216",)
    recompiles = True

    def specimen(self) -> Program:
        """Return a net of a class and a price, whose losses differ by eight orders of magnitude."""
        import keras
        from keras import layers

        rng = np.random.default_rng(0)
        X = rng.standard_normal((ROWS, 4)).astype("float32")
        y = {"kind": (X[:, 0] > 0).astype("int64"), "price": (30000 + 9000 * X[:, 1]).astype("float32")}
        keras.utils.set_random_seed(0)
        rows = keras.Input((4,))
        hidden = layers.Dense(8, activation="relu")(rows)
        kind, price = layers.Dense(2, activation="softmax", name="kind"), layers.Dense(1, name="price")
        model = keras.Model(rows, {"kind": kind(hidden), "price": price(hidden)})
        model.compile("adam", {"kind": "sparse_categorical_crossentropy", "price": "mse"})
        return model, X, y, FIT

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the weights; outputs whose cost is not known keep theirs at one."""
        if not dataset.heads:
            raise NotApplicable("the model has one output")
        costs = {name: cost for name, cost in head_priors(recipe, dataset).items() if cost > 0}
        if len(costs) < 2 or max(costs.values()) < NEAR * min(costs.values()):
            raise NotApplicable("the outputs cost much alike")
        weights = {head.name: float(f"{1 / costs.get(head.name, 1.0):.3g}") for head in dataset.heads}
        named = isinstance(recipe.loss, Mapping) and "class_name" not in recipe.loss
        given: Any = weights if named else list(weights.values())
        if recipe.loss_weights == given:
            raise NotApplicable("the losses are weighted so already")
        return recipe.replace(loss_weights=given)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the weights."""
        return _spelled(recipe.loss_weights), _spelled(changed.loss_weights)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Nothing of its own: the weights stand in the compile line."""
        return ""


def _spelled(weights: Any) -> str:
    if weights is None:
        return "all losses alike"
    parts = weights.items() if isinstance(weights, Mapping) else enumerate(weights)
    return ", ".join(f"{name}: {weight:g}" for name, weight in parts)
