"""initializer: draw the first weights at the scale that the activation asks for."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import activation_of
from remedy.recipe.architecture import KERNEL_LAYERS, Architecture, LayerConfig, name_of
from remedy.recipe.recipe import Recipe
from remedy.recipe.starting_weights import pretrained
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._layers import kernels, settings_patch


class Initializer(Remedy):
    """Initialise every kernel anew, and every bias at zero.

    He's scale keeps the size of a signal through layers of relu, Glorot's through tanh and sigmoid;
    both let deep plain stacks start with gradients of one size.

    Source: He et al., "Delving Deep into Rectifiers", 2015; Glorot and Bengio, "Understanding the
    difficulty of training deep feedforward neural networks", 2010.
    """

    name = "initializer"
    space = {"kind": CategoricalDistribution(["he_normal", "he_uniform", "glorot_uniform", "orthogonal"])}
    usual = {"kind": "he_normal"}
    surgery = True
    recompiles = True

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return He's for relu and its kin, Glorot's for bounded activations, then the other."""
        del dataset
        used = {activation_of(entry) for _, entry in kernels(recipe.architecture)}
        kinds = ("glorot_uniform", "he_normal") if used & {"tanh", "sigmoid"} else ("he_normal", "glorot_uniform")
        return [{"kind": kind} for kind in kinds]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the initializers of every trained layer with a kernel, but for those whose weights were loaded."""
        recipe.architecture.require_open()
        kind = str(dose["kind"])
        loaded = pretrained(recipe)
        if all(_kind(entry) == kind for entry in _trained(recipe.architecture) if name_of(entry) not in loaded):
            raise NotApplicable(f"every kernel that was not loaded is drawn by {kind} already")
        changed = Architecture(copy.deepcopy(recipe.architecture.config))
        for entry in (entry for entry in _trained(changed) if name_of(entry) not in loaded):
            entry["config"]["kernel_initializer"] = kind
            # Keras starts the forget gate of an LSTM at one by itself.
            if "bias_initializer" in entry["config"] and entry["class_name"] != "LSTM":
                entry["config"]["bias_initializer"] = "zeros"
        return recipe.replace(architecture=changed)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the initializers before and after."""
        before, after = (dict.fromkeys(map(_kind, _trained(r.architecture))) for r in (recipe, changed))
        return ", ".join(before), ", ".join(after)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with other initializers."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _trained(architecture: Architecture) -> list[LayerConfig]:
    return [
        entry
        for entry in architecture.layers(*KERNEL_LAYERS)
        if "kernel_initializer" in entry["config"] and entry["config"].get("trainable", True)
    ]


def _kind(entry: LayerConfig) -> str:
    value = entry["config"]["kernel_initializer"]
    name = str(value.get("class_name") if isinstance(value, dict) else value)
    # Keras spells one initializer as HeNormal and as he_normal.
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
