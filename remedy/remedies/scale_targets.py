"""scale-targets: train on a target of zero mean and unit spread; a layer turns the answers back."""

from __future__ import annotations

from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import compile_line
from remedy.recipe.target_coding import NEAR_ONE, NEAR_ZERO, fit_standard
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, table


class ScaleTargets(Remedy):
    """Train on the target at zero mean and unit spread, and turn the answers back inside the model.

    The first answers of a fresh network lie near 0 and within a few units; a target far from there
    makes the first gradients huge, or the way to its mean very long.

    Source: LeCun et al., "Efficient BackProp", 1998, section 4.5 (choosing target values).
    """

    name = "scale-targets"
    recodes = True
    treats = ("DAT110", "OPT407", "OPT403", "OPT404", "OPT401", "OPT402")

    def specimen(self) -> Program:
        """Return a target far from zero."""
        model, X, _, fit = table(1, "linear", "mse")
        return model, X, 900 + 400 * X[:, :1], fit

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Code the target by the training rows' mean and spread."""
        if dataset.task != "regression" or len(arrays.leaves(dataset.train.y)) != 1:
            raise NotApplicable("only the one target of a regression can be scaled")
        if recipe.target is not None:
            raise NotApplicable("the target is coded already")
        if recipe.loss_name is not None and any(part in recipe.loss_name for part in ("crossentropy", "divergence")):
            raise NotApplicable(f"the loss {recipe.loss_name} takes no values below 0")
        if recipe.architecture.opaque:
            raise NotApplicable(recipe.architecture.opaque)
        values = np.asarray(dataset.train.target, dtype="float64")
        if abs(float(np.nanmean(values))) < NEAR_ZERO and NEAR_ONE[0] < float(np.nanstd(values)) < NEAR_ONE[1]:
            raise NotApplicable("the target has zero mean and unit spread already")
        return recipe.replace(target=fit_standard(dataset.train.target))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name mean and spread."""
        coding = changed.target
        if coding is None:
            return "as it is", "as it is"
        mean, spread = (", ".join(f"{v:.4g}" for v in part[:3]) for part in (coding.mean, coding.spread))
        return f"mean {mean}, spread {spread}", "mean 0, spread 1; a layer turns the answers back"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Scale ``y_train``, and the validation target alike."""
        return (
            "axes = tuple(range(max(1, y_train.ndim - 1)))\n"
            "y_mean, y_spread = y_train.mean(axes), y_train.std(axes)\n"
            "y_spread = np.where(y_spread > 0, y_spread, 1.0)  # what never changes stays as it is\n"
            "y_train = (y_train - y_mean) / y_spread\n"
            "if isinstance(fit.get('validation_data'), (tuple, list)):\n"
            "    X_val, y_val, *rest = fit['validation_data']\n"
            "    fit['validation_data'] = (X_val, (np.asarray(y_val) - y_mean) / y_spread, *rest)"
        )

    def after_fit(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put a layer behind the model that turns its answers back into the units of the target."""
        return (
            "back = keras.layers.Rescaling(np.asarray(y_spread).tolist(), np.asarray(y_mean).tolist())\n"
            "graph = model if type(model).__name__ == 'Functional' else keras.Model(model.inputs, model.outputs[0])\n"
            "answers = keras.tree.map_structure(back, graph.output)  # in the units of your y\n"
            "model = keras.Model(graph.input, answers)\n" + compile_line(recipe)
        )
