"""class-weights: let every class count alike in the loss."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.data.scores import class_ids, keras_labels
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import head_facts
from remedy.recipe.architecture import Architecture
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.remedies._layers import head_layers, settings_patch

BESIDE_ROW_WEIGHTS = """\
weights = {{{weights}}}  # Keras takes no class weights beside sample weights: both as one
kinds = y_train.argmax(-1) if y_train.ndim > 1 and y_train.shape[-1] > 1 else y_train.reshape(-1)
fit['sample_weight'] = np.asarray(fit['sample_weight']) * np.array([weights[int(kind)] for kind in kinds])
fit.pop('class_weight', None)"""


class ClassWeights(Remedy):
    """Let rare classes count for more: weights, a focal loss, or a head that starts at the classes' shares.

    "balanced" weights the loss of each class by the inverse of its share, "sqrt" by the square root of
    that; "focal" lets rows that are answered right count for little; "prior" only sets the first bias
    of the head so that training does not begin with learning the shares.

    Source: King and Zeng, "Logistic Regression in Rare Events Data", 2001 ("balanced": rows /
    (classes * rows of the class)); the square root is the usual compromise where the rarest class
    is very small (Mahajan et al., 2018, section 2.2); Lin et al., "Focal Loss for Dense Object
    Detection", 2017 (sections 3.2 and 3.3).
    """

    name = "class-weights"
    treats = ("DAT101",)
    space = {"kind": CategoricalDistribution(["balanced", "sqrt", "focal", "prior"])}
    usual = {"kind": "balanced"}
    excludes = ("oversampling",)
    recompiles = True

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set ``class_weight``, the loss, or the bias of the head, from the training rows' counts."""
        kind = str(dose["kind"])
        counts = {label: rows for label, rows in (dataset.counts(recipe.coded(dataset.train)) or {}).items() if rows}
        if len(counts) < 2:
            raise NotApplicable("class weights need two classes or more")
        if len(class_ids(dataset.train.target)) != len(dataset.train):
            raise NotApplicable("Keras takes no class weights for sequence labels")
        if max(counts.values()) < 1.05 * min(counts.values()):
            raise NotApplicable("the classes are balanced already")
        if kind == "focal":
            return recipe.replace(loss=_focal(recipe))
        if kind == "prior":
            return recipe.replace(architecture=_with_bias(recipe, counts))
        labels = keras_labels(recipe.coded(dataset.train).target)
        weights = _weights(counts, 1.0 if kind == "balanced" else 0.5)
        weights = {labels.get(c, c): weight for c, weight in weights.items()}
        if recipe.class_weight is not None and _alike(recipe.class_weight, weights):
            raise NotApplicable("these are the class weights already")
        return recipe.replace(class_weight=weights)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """List the weights, or name the loss or the bias, before and after."""
        if recipe.loss != changed.loss:
            return str(recipe.loss_name), str(changed.loss_name)
        if recipe.architecture != changed.architecture:
            return "head starts at equal shares", "head starts at the classes' shares"
        return _weights_of(recipe), _weights_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Pass the weights to ``fit``; a focal loss stands in the compile line."""
        changed = self.apply(recipe, dataset, **dose)
        if changed.architecture != recipe.architecture:
            return settings_patch(recipe.architecture, changed.architecture)
        if changed.loss != recipe.loss:
            return ""
        weights = ", ".join(f"{k}: {v:.9g}" for k, v in (changed.class_weight or {}).items())
        if dataset.train.sample_weight is not None and not recipe.unweighted:
            return BESIDE_ROW_WEIGHTS.format(weights=weights)
        return f"fit['class_weight'] = {{{weights}}}"


def _weights(counts: Mapping[int, int], power: float) -> dict[int, float]:
    raw = {label: float(rows) ** -power for label, rows in counts.items()}
    mean = float(np.average(list(raw.values()), weights=list(counts.values())))
    return {label: weight / mean for label, weight in raw.items()}


def _alike(one: Mapping[int, float], other: Mapping[int, float]) -> bool:
    """Say whether two sets of weights differ by a common factor at most."""
    ratios = [one.get(label, 1.0) / weight for label, weight in other.items()]
    return min(ratios) > 0.95 * max(ratios)


def _focal(recipe: Recipe) -> dict[str, Any]:
    kinds = {
        "binary_crossentropy": "BinaryFocalCrossentropy",
        "categorical_crossentropy": "CategoricalFocalCrossentropy",
    }
    kind = kinds.get(recipe.loss_name or "")
    if kind is None:
        raise NotApplicable(f"Keras has no focal form of the loss {recipe.loss_name}")
    config = {"from_logits": recipe.from_logits, "gamma": 2.0, "name": _snake(kind)}
    if kind.startswith("Categorical"):
        config["alpha"] = 1.0  # Keras' default of 0.25 would only make the steps smaller.
    return {"module": "keras.losses", "class_name": kind, "config": config, "registered_name": None}


def _snake(kind: str) -> str:
    """Return Keras' own name for a loss class."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind).lstrip("_")


def _with_bias(recipe: Recipe, counts: Mapping[int, int]) -> Architecture:
    """Return the architecture with the head's bias at the logarithm of the shares."""
    recipe.architecture.require_open()
    heads = head_facts(recipe)
    units = heads[0].get("units")
    rows = np.array([counts.get(label, 0) + 0.5 for label in range(max(counts) + 1)])
    if len(heads) != 1 or units not in (1, len(rows)) or (units == 1 and len(rows) != 2):
        raise NotApplicable("the head has no unit for every class")
    shares = rows / rows.sum()
    bias = float(np.log(shares[1] / shares[0])) if units == 1 else np.log(shares).tolist()
    changed = Architecture(copy.deepcopy(recipe.architecture.config))
    last = head_layers(changed)[-1]
    if not last["config"].get("use_bias", False):
        raise NotApplicable("the head has no bias")
    last["config"]["bias_initializer"] = {
        "module": "keras.initializers",
        "class_name": "Constant",
        "config": {"value": bias},
        "registered_name": None,
    }
    return changed


def _weights_of(recipe: Recipe) -> str:
    if not recipe.class_weight:
        return "none"
    parts = [f"{label}: {weight:.2f}" for label, weight in recipe.class_weight.items()]
    return ", ".join(parts[:6]) + (", ..." if len(parts) > 6 else "")
