"""even-weights: take away the weights that were given to rows and classes."""

from __future__ import annotations

from typing import Any

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, table


class EvenWeights(Remedy):
    """Train without ``sample_weight`` and ``class_weight``: every row counts alike.

    Weights of zero silence rows for good, and weights that were computed the wrong way round make a rare class rarer.
    Class weights on top of them cannot mend either.

    Source: Keras multiplies the loss of a row by both (``Model.fit``); King and Zeng, "Logistic Regression in Rare
    Events Data", 2001, for weights by the inverse of the shares.
    """

    name = "even-weights"
    excludes = ("class-weights",)

    def specimen(self) -> Program:
        """Return weights that are the wrong way round."""
        model, X, y, fit = table()
        return model, X, y, {**fit, "class_weight": {0: 1.0, 1: 50.0, 2: 1.0}}

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Leave the weights out."""
        weighted = dataset.train.sample_weight is not None and not recipe.unweighted
        if not weighted and not recipe.class_weight:
            raise NotApplicable("no weights were given")
        return recipe.replace(class_weight=None, unweighted=recipe.unweighted or weighted)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Say which weights are gone."""
        rows = ["weights of rows"] if changed.unweighted and not recipe.unweighted else []
        return " and ".join([*rows, *(["class weights"] if recipe.class_weight else [])]), "every row counts alike"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Take them out of ``fit``."""
        del recipe, dataset, dose
        return "for name in ('sample_weight', 'class_weight'):\n    fit.pop(name, None)"
