"""fix-head: units, activation, loss and coding of the labels as one consistent whole."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import ACTIVATION_LAYERS, PASSING, head_facts
from remedy.recipe.architecture import CONVOLUTIONS, Architecture, LayerConfig, name_of, width_key
from remedy.recipe.recipe import Recipe
from remedy.recipe.target_coding import TargetCoding, label_values
from remedy.remedies._base import Remedy
from remedy.remedies._specimens import Program, table

REGRESSION_LOSSES = ("squared", "absolute", "huber", "log_cosh", "mse", "mae", "logcosh", "tukey", "quantile")


@dataclass(frozen=True)
class Head:
    """What the end of a network should be: units and activation of its last layer, loss, coding of the target."""

    units: int
    activation: str
    loss: Any
    coding: TargetCoding | None = None


class FixHead(Remedy):
    """Give the network the head and the loss that its target asks for.

    One number a row of two kinds: one sigmoid unit, binary cross-entropy. Class ids: a softmax over
    all classes, sparse cross-entropy. One-hot rows: the same with the categorical one. Several
    labels at once: sigmoids, binary cross-entropy. Numbers: linear units and a regression loss.
    Shares that add up to one: softmax, KL divergence.

    Source: Bishop, "Pattern Recognition and Machine Learning", 2006, section 5.2 (a natural choice
    of output function and matching error function for each type of problem).
    """

    name = "fix-head"
    treats = (
        "HED201",
        "HED202",
        "HED203",
        "HED204",
        "HED205",
        "HED206",
        "HED207",
        "HED208",
        "HED209",
        "HED212",
        "HED213",
    )
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a classifier whose outputs are no probabilities."""
        return table(activation="relu")

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Rewrite the last layers, the loss, and the coding of the labels where needed."""
        recipe.architecture.require_open()
        if len(recipe.architecture.outputs()) != 1 or len(arrays.leaves(dataset.train.y)) != 1:
            raise NotApplicable("the model has several outputs")
        if recipe.target is not None and recipe.target.kind != "standard":
            raise NotApplicable("the head was fixed already")
        wanted, facts = wanted_head(recipe, dataset), head_facts(recipe)[0]
        same = (facts.get("units"), facts["activation"], facts.get("before")) == (wanted.units, wanted.activation, None)
        if same and _only(recipe.loss) == wanted.loss and wanted.coding is None:
            raise NotApplicable("head and loss fit the target already")
        architecture = with_head(recipe.architecture, wanted.units, wanted.activation)
        weights = recoded_weights(recipe.class_weight, wanted.coding)
        target = wanted.coding or recipe.target
        return recipe.replace(architecture=architecture, loss=wanted.loss, target=target, class_weight=weights)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name units, activation and loss."""
        return _head_of(recipe), _head_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put a new last layer on what the old one read."""
        wanted = wanted_head(recipe, dataset)
        _, kernel = _end(copy.deepcopy(recipe.architecture))
        changes = {str(width_key(kernel)): wanted.units, "activation": wanted.activation}
        lines = [
            f"old = model.get_layer({name_of(kernel)!r})",
            f"hidden, head = old.input, again(old, {changes!r})",
            "ends = model.output if type(model).__name__ == 'Functional' else model.outputs[0]",
            "model = keras.Model(model.inputs, keras.tree.pack_sequence_as(ends, [head(hidden)]))",
        ]
        if wanted.coding is not None:
            lines.append(coding_patch(wanted.coding))
        return "\n".join(lines)


def recoded_weights(weights: Mapping[int, float] | None, coding: TargetCoding | None) -> Mapping[int, float] | None:
    """Return class weights that were given for labels as those of their codes; fractions are named by rank already."""
    if not weights or coding is None or not _whole(coding):
        return weights
    return {code: weights.get(int(value), 1.0) for code, value in enumerate(coding.values)}


def _whole(coding: TargetCoding) -> bool:
    return all(value == int(value) for value in coding.values)


def coding_patch(coding: TargetCoding) -> str:
    """Return lines of Python that code ``y_train``."""
    known = [int(v) if v == int(v) else v for v in coding.values]
    weights = (
        "if fit.get('class_weight'):\n"
        f"    fit['class_weight'] = {{i: fit['class_weight'].get(v, 1.0) for i, v in enumerate({known})}}\n"
    )
    shape = "[..., None].astype('float32')" if coding.kind == "binary" else ""
    return (
        "def code(labels):\n"
        "    labels = np.asarray(labels)\n"
        "    labels = labels[..., 0] if labels.ndim > 1 and labels.shape[-1] == 1 else labels\n"
        f"    return np.abs(labels[..., None] - np.array({known})).argmin(-1){shape}\n"
        f"y_train = code(y_train)\n{weights if _whole(coding) else ''}"
        "if isinstance(fit.get('validation_data'), (tuple, list)):\n"
        "    X_val, y_val, *rest = fit['validation_data']\n"
        "    fit['validation_data'] = (X_val, code(y_val), *rest)"
    )


def wanted_head(recipe: Recipe, dataset: Dataset) -> Head:
    """Return the head that the target asks for.

    Args:
        recipe: Its loss is kept where it fits.
        dataset: Its training rows and task are looked at.
    """
    y = dataset.train.target
    width = int(y.shape[-1]) if y.ndim > 1 else 1
    if dataset.task == "regression":
        return _numbers(recipe, y, width)
    if dataset.task == "multilabel":
        return Head(width, "sigmoid", "binary_crossentropy")
    values = label_values(y)
    if width > 1 and y.ndim > 1 and len(values) == width:
        return Head(width, "softmax", "categorical_crossentropy")
    facts = head_facts(recipe)[0]
    plain = values == tuple(float(i) for i in range(len(values)))
    if len(values) == 2 and facts.get("units") in (1, None):
        return Head(1, "sigmoid", "binary_crossentropy", None if plain else TargetCoding("binary", values))
    # Keras' sparse loss takes the ids themselves; they must count from 0.
    return Head(
        len(values), "softmax", "sparse_categorical_crossentropy", None if plain else TargetCoding("ids", values)
    )


def with_head(architecture: Architecture, units: int, activation: str) -> Architecture:
    """Return the architecture with other units and activation at its end.

    Raises:
        NotApplicable: What comes last is no dense or convolutional layer.
    """
    changed = Architecture(copy.deepcopy(architecture.config))
    functions, kernel = _end(changed)
    for entry in functions:
        entry["class_name"], entry["module"], entry["registered_name"] = "Activation", "keras.layers", None
        entry["config"] = {"name": name_of(entry), "activation": "linear"}
    kernel["config"]["activation"] = activation
    kernel["config"][str(width_key(kernel))] = units
    return changed


def _end(architecture: Architecture) -> tuple[list[LayerConfig], LayerConfig]:
    """Return the activation layers at the end, and the layer with weights before them, for changing in place."""
    functions: list[LayerConfig] = []
    output = architecture.outputs()[0]
    for entry in architecture.back_from(output):
        if entry["class_name"] == "Dense" or entry["class_name"] in CONVOLUTIONS:
            return functions, entry
        if entry["class_name"] == "Activation" or entry["class_name"] in ACTIVATION_LAYERS:
            functions.append(entry)
        elif entry["class_name"] not in PASSING:
            break
    raise NotApplicable(f"the model ends in {output!r}, not in a dense or convolutional layer")


def _only(loss: Any) -> Any:
    """Return the loss of a model of one output, out of the dict or list that names it."""
    if isinstance(loss, Mapping) and "class_name" not in loss and len(loss) == 1:
        return next(iter(loss.values()))
    return loss[0] if isinstance(loss, (list, tuple)) and len(loss) == 1 else loss


def _numbers(recipe: Recipe, y: Any, width: int) -> Head:
    values = np.asarray(y, dtype="float64")
    if width > 1 and values.min() >= 0 and np.all(np.abs(values.sum(-1) - 1) < 1e-3):
        return Head(width, "softmax", "kl_divergence")
    name = (recipe.loss_name or "").lower()
    return Head(
        width, "linear", recipe.loss if any(part in name for part in REGRESSION_LOSSES) else "mean_squared_error"
    )


def _head_of(recipe: Recipe) -> str:
    facts = head_facts(recipe)[0]
    before = f"{facts['before']} and " if facts.get("before") else ""
    logits = " from logits" if facts["from_logits"] else ""
    coded = f", labels coded as {recipe.target.kind}" if recipe.target and recipe.target.kind != "standard" else ""
    return f"{facts.get('units')} units, {before}{facts['activation']}, {facts['loss']}{logits}{coded}"
