"""impute: values that are missing or infinite get the column's mean, inside the model."""

from __future__ import annotations

from typing import Any

import numpy as np

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.data_facts import facts_of
from remedy.recipe.input_scaling import InputScaling
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, table
from remedy.remedies.scale_inputs import scaled_per, scaling_patch


class Impute(Remedy):
    """Scale the inputs, and put 0, which is then the mean of the training rows, where a value is missing.

    One NaN in a row makes the loss of its batch NaN, and every weight with it. It happens inside the
    model, so rows with holes can be predicted on as well. Infinite values become ten spreads.

    Source: Little and Rubin, "Statistical Analysis with Missing Data", 2002, section 4.2 (mean
    imputation: simple, and enough to train on).
    """

    name = "impute"
    scales = True
    surgery = True
    recompiles = True
    in_front = True

    def specimen(self) -> Program:
        """Return rows with holes."""
        model, X, y, fit = table()
        X[::7, 2] = np.nan
        return model, X, y, fit

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Put imputation behind the scaling, with a standard scaling where there is none."""
        recipe.architecture.require_open()
        if recipe.input_scaling is not None and recipe.input_scaling.impute:
            raise NotApplicable("missing values are imputed already")
        if not any(f.nonfinite for f in facts_of(dataset.train)):
            raise NotApplicable("no value is missing")
        now = recipe.input_scaling or InputScaling("standard", scaled_per(dataset))
        return recipe.replace(input_scaling=InputScaling(now.kind, now.per, impute=True))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Say what becomes of missing values."""
        return "NaN reaches the weights", "NaN becomes the training rows' mean (in the model)"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put the layers in front of the model."""
        if recipe.input_scaling is None:
            return scaling_patch(self.apply(recipe, dataset, **dose), dataset.nested)
        return (
            "imputed = [keras.Input(x.shape[1:], name=x.name) for x in model.inputs]\n"
            "filled = [keras.ops.nan_to_num(x, nan=0.0, posinf=10.0, neginf=-10.0) for x in imputed]\n"
            "model = keras.Model(imputed, model(filled if len(filled) > 1 else filled[0]))"
        )
