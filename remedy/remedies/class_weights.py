"""class-weights: let every class weigh alike in the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from remedy.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.scores import class_ids


class ClassWeights(Remedy):
    """Weight the loss of each class by the inverse of its share, or by the square root of that.

    Source: King and Zeng, "Logistic Regression in Rare Events Data", 2001 ("balanced": rows /
    (classes * rows of the class)); the square root is the usual compromise where the rarest class
    is very small (Mahajan et al., 2018, section 2.2).
    """

    name = "class-weights"
    treats = ("DAT101",)
    space = {"kind": CategoricalDistribution(["balanced", "sqrt"])}
    usual = {"kind": "balanced"}
    excludes = ("oversampling",)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set ``class_weight`` from the training rows' counts."""
        counts = {label: rows for label, rows in (dataset.counts(recipe.coded(dataset.train)) or {}).items() if rows}
        if len(counts) < 2:
            raise NotApplicable("class weights need two classes or more")
        if len(class_ids(dataset.train.target)) != len(dataset.train):
            raise NotApplicable("Keras takes no class weights for sequence labels")
        power = 1.0 if dose["kind"] == "balanced" else 0.5
        raw = {label: float(rows) ** -power for label, rows in counts.items()}
        mean = float(np.average(list(raw.values()), weights=list(counts.values())))
        weights = {label: weight / mean for label, weight in raw.items()}
        if max(weights.values()) / min(weights.values()) < 1.05:
            raise NotApplicable("the classes are balanced already")
        return recipe.replace(class_weight=weights)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """List the weights before and after."""
        return _spelled(recipe), _spelled(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Pass the weights to ``fit``."""
        weights = self.apply(recipe, dataset, **dose).class_weight or {}
        return f"fit['class_weight'] = {{{', '.join(f'{k}: {v:.6g}' for k, v in weights.items())}}}"


def _spelled(recipe: Recipe) -> str:
    if not recipe.class_weight:
        return "none"
    parts = [f"{label}: {weight:.2f}" for label, weight in recipe.class_weight.items()]
    return ", ".join(parts[:6]) + (", ..." if len(parts) > 6 else "")
