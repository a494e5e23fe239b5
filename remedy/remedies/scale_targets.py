"""scale-targets: train on a target of zero mean and unit spread; a layer turns the answers back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.delivery import in_order
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import compile_line
from remedy.recipe.target_coding import NEAR_ONE, NEAR_ZERO, TargetCoding, fit_standard
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
        if dataset.heads:
            return _outputs_coded(recipe, dataset)
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
        if coding.outputs:
            said = [f"{name}: mean {c.mean[0]:.4g}, spread {c.spread[0]:.4g}" for name, _, c in coding.outputs]
            return "; ".join(said), "mean 0, spread 1; layers turn the answers back"
        mean, spread = (", ".join(f"{v:.4g}" for v in part[:3]) for part in (coding.mean, coding.spread))
        return f"mean {mean}, spread {spread}", "mean 0, spread 1; a layer turns the answers back"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Scale ``y_train``, and the validation target alike."""
        coding = self.apply(recipe, dataset).target
        if coding is not None and coding.outputs:
            return OUTPUTS.format(names=_keys(dataset, coding))
        return (
            "axes = tuple(range(max(1, y_train.ndim - 1)))\n"
            "y_mean, y_spread = np.nanmean(y_train, axes), np.nanstd(y_train, axes)\n"
            "y_spread = np.where(y_spread > 0, y_spread, 1.0)  # what never changes stays as it is\n"
            "y_train = (y_train - y_mean) / y_spread\n"
            "if isinstance(fit.get('validation_data'), (tuple, list)):\n"
            "    X_val, y_val, *rest = fit['validation_data']\n"
            "    fit['validation_data'] = (X_val, (np.asarray(y_val) - y_mean) / y_spread, *rest)"
        )

    def after_fit(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put a layer behind the model that turns its answers back into the units of the target."""
        if recipe.target is not None and recipe.target.outputs:
            known = [(name, place) for name, place, _ in recipe.target.outputs]
            return BACK.format(outputs=known) + "\n" + compile_line(_unnamed(recipe, dataset))
        return (
            "back = keras.layers.Rescaling(np.asarray(y_spread).tolist(), np.asarray(y_mean).tolist())\n"
            "graph = model if type(model).__name__ == 'Functional' else keras.Model(model.inputs, model.outputs[0])\n"
            "answers = keras.tree.map_structure(back, graph.output)  # in the units of your y\n"
            "model = keras.Model(graph.input, answers)\n" + compile_line(recipe)
        )


OUTPUTS = """\
y_mean, y_spread = {{}}, {{}}
held = fit.get('validation_data')
for name in {names}:
    axes = tuple(range(max(1, y_train[name].ndim - 1)))
    y_mean[name], spread = y_train[name].mean(axes), y_train[name].std(axes)
    y_spread[name] = np.where(spread > 0, spread, 1.0)
    y_train[name] = (y_train[name] - y_mean[name]) / y_spread[name]
    if isinstance(held, (tuple, list)):
        fixed = dict(held[1]) if isinstance(held[1], dict) else list(held[1])
        fixed[name] = (np.asarray(fixed[name]) - y_mean[name]) / y_spread[name]
        held = (held[0], fixed, *held[2:])
        fit['validation_data'] = held"""

BACK = """\
answers = dict(model.output) if isinstance(model.output, dict) else list(model.output)
for key, (name, place) in zip(y_mean, {outputs}):  # in the units of your y
    at = name if isinstance(answers, dict) else place
    back = keras.layers.Rescaling(np.asarray(y_spread[key]).tolist(), np.asarray(y_mean[key]).tolist())
    answers[at] = back(answers[at])
model = keras.Model(model.input, answers)"""


def _outputs_coded(recipe: Recipe, dataset: Dataset) -> Recipe:
    """Code every output of numbers that lies far from zero or has a spread far from one."""
    if recipe.target is not None:
        raise NotApplicable("the targets are coded already")
    if recipe.architecture.opaque:
        raise NotApplicable(recipe.architecture.opaque)
    nest, found = dataset.train.y, []
    for place, head in enumerate(dataset.heads):
        y = np.asarray(nest[head.name] if isinstance(nest, Mapping) else nest[place], dtype="float64")
        near = abs(float(np.nanmean(y))) < NEAR_ZERO and NEAR_ONE[0] < float(np.nanstd(y)) < NEAR_ONE[1]
        if head.task == "regression" and not near:
            found.append((head.name, place, fit_standard(y)))
    if not found:
        raise NotApplicable("no output is far from zero mean and unit spread")
    return recipe.replace(target=TargetCoding("outputs", outputs=tuple(found)))


def _keys(dataset: Dataset, coding: TargetCoding) -> str:
    """Spell how the coded outputs are found in y."""
    named = isinstance(dataset.train.y, Mapping)
    return repr([name if named else place for name, place, _ in coding.outputs])


def _unnamed(recipe: Recipe, dataset: Dataset) -> Recipe:
    """Return a recipe whose losses and metrics stand in the order of the outputs, where these come in a list."""
    if isinstance(recipe.architecture.config["config"].get("output_layers"), Mapping):
        return recipe
    names = [head.name for head in dataset.heads]
    given = {k: getattr(recipe, k) for k in ("loss", "loss_weights", "metrics", "weighted_metrics")}
    return recipe.replace(**{k: in_order(v, names) for k, v in given.items()})
