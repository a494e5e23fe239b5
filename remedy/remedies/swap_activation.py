"""swap-activation: another nonlinearity in the hidden layers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import ACTIVATION_LAYERS, activation_of
from remedy.recipe.architecture import Architecture, LayerConfig, name_of
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._layers import head_layers, kernels, models


class SwapActivation(Remedy):
    """Replace the activation of the hidden layers, and a relu that ends the network.

    A sigmoid or tanh that saturates passes no gradient on; a relu that is zero on every row never
    learns again, one at the output included. elu and leaky relu are never flat on both sides.

    Source: Glorot, Bordes, Bengio, "Deep Sparse Rectifier Neural Networks", 2011; Clevert et al.,
    "Fast and Accurate Deep Network Learning by Exponential Linear Units", 2016.
    """

    name = "swap-activation"
    space = {"kind": CategoricalDistribution(["relu", "elu", "gelu", "leaky_relu", "tanh"])}
    usual = {"kind": "elu"}
    surgery = True
    recompiles = True

    deep = 4
    """Hidden layers from which on relu layers die as a whole more often than not, where they are narrow."""

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return relu first for a few bounded layers, else elu, which narrow and deep stacks survive.

        At the output leaky relu comes first: elu cannot give numbers below -1.
        """
        del dataset
        used = [activation_of(entry) for entry in _hidden(recipe.architecture)]
        if not used:
            kinds = ("leaky_relu", "elu")
        elif "relu" in used:
            kinds = ("elu", "leaky_relu")
        else:
            kinds = ("relu", "elu") if len(used) < self.deep else ("elu", "relu")
        return [{"kind": kind} for kind in kinds]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the activation of every hidden layer that has one, and of activation layers between them."""
        recipe.architecture.require_open()
        kind = str(dose["kind"])
        changed = Architecture(copy.deepcopy(recipe.architecture.config))
        for entry in _bending(changed):
            if entry["class_name"] in ACTIVATION_LAYERS:
                kept = {k: v for k, v in entry["config"].items() if k in ("name", "dtype", "trainable")}
                entry |= {"module": "keras.layers", "class_name": "Activation", "registered_name": None}
                entry["config"] = kept
            entry["config"]["activation"] = kind
        if changed == recipe.architecture:
            raise NotApplicable(f"there is no other activation than {kind}")
        return recipe.replace(architecture=changed)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the activations before and after."""
        return _activations_of(recipe), _activations_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with other activations."""
        names = [name_of(entry) for entry in _bending(recipe.architecture)]
        recursive = ", recursive=True" if len(list(models(recipe.architecture))) > 1 else ""
        return (
            f"bending = {names!r}\n"
            "def swapped(layer):\n"
            "    if layer.name not in bending:\n"
            "        return again(layer)\n"
            "    if 'activation' not in layer.get_config():  # a layer such as ReLU()\n"
            f"        return keras.layers.Activation({dose['kind']!r}, name=layer.name)\n"
            f"    return again(layer, {{'activation': {dose['kind']!r}}})\n"
            "model = keras.models.clone_model("
            f"whole(model), clone_function=swapped{recursive})"
        )


def _bending(architecture: Architecture) -> list[LayerConfig]:
    """Return what has an activation that may be another one: all but heads, of which only a relu may."""
    return _hidden(architecture) + [entry for entry in head_layers(architecture) if activation_of(entry) == "relu"]


def _hidden(architecture: Architecture) -> list[LayerConfig]:
    """Return hidden layers with an activation, and activation layers that belong to no head."""
    heads = {name_of(entry) for entry in head_layers(architecture)}
    own = [entry for _, entry in kernels(architecture) if activation_of(entry) not in (None, "linear")]
    apart = [
        entry
        for entry in architecture.layers("Activation", *ACTIVATION_LAYERS)
        if name_of(entry) not in heads and activation_of(entry) != "softmax"
    ]
    return own + apart


def _activations_of(recipe: Recipe) -> str:
    return ", ".join(dict.fromkeys(str(activation_of(entry)) for entry in _bending(recipe.architecture)))
