"""add-normalization: normalise what hidden layers hand on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import NORMALIZERS
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.architecture import Architecture, LayerConfig, name_of
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._layers import kernels

CLASSES = {"batch": "BatchNormalization", "layer": "LayerNormalization"}
MOMENTUM = 0.9
"""Of the moving averages: they follow within 50 steps, which small data sets have in a few epochs."""

SMALL_BATCH = 16
"""In smaller batches the statistics of a batch are mostly noise (Wu and He, "Group Normalization", 2018)."""


class AddNormalization(Remedy):
    """Put a normalization between the weights and the activation of every hidden layer that has none.

    Deep plain stacks then start with signals and gradients of one size, whatever the initial
    weights and the scale of the inputs are.

    Source: Ioffe and Szegedy, "Batch Normalization", 2015 (in front of the nonlinearity); Ba et al.,
    "Layer Normalization", 2016, for small batches.
    """

    name = "add-normalization"
    space = {"kind": CategoricalDistribution(["batch", "layer"])}
    usual = {"kind": "batch"}
    surgery = True
    recompiles = True

    most = 20
    """Layers that are given a normalization each without being asked; deeper stacks are cut down first."""

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return batch normalization first, except for small batches; none for very deep stacks."""
        del dataset
        if len(_bare(recipe.architecture)) > self.most:
            return []
        small = (recipe.batch_size or KERAS_BATCH_SIZE) < SMALL_BATCH
        return [{"kind": kind} for kind in (("layer", "batch") if small else ("batch", "layer"))]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Insert the layers; an activation inside a layer moves behind its normalization."""
        architecture = recipe.architecture
        architecture.require_open()
        names = _bare(architecture)
        if not names:
            raise NotApplicable("every hidden layer of the outermost model is normalised already")
        for name in names:
            architecture = _normalised(architecture, name, str(dose["kind"]))
        return recipe.replace(architecture=architecture)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Count the normalization layers before and after."""
        return _normalization_of(recipe), _normalization_of(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew and call the new layers behind the old ones."""
        names = _bare(recipe.architecture)
        option = f"momentum={MOMENTUM}" if dose["kind"] == "batch" else ""
        return (
            f"bare = {names!r}\n"
            "def linear(layer):\n"
            "    return again(layer, {'activation': 'linear'} if layer.name in bare else None)\n"
            "def normalised(layer, *args, **kwargs):\n"
            "    x = layer(*args, **kwargs)\n"
            "    if layer.name not in bare:\n"
            "        return x\n"
            f"    x = keras.layers.{CLASSES[str(dose['kind'])]}({option})(x)\n"
            "    return keras.layers.Activation(model.get_layer(layer.name).activation)(x)\n"
            "model = keras.models.clone_model(\n"
            "    whole(model), clone_function=linear, call_function=normalised\n"
            ")"
        )


def _bare(architecture: Architecture) -> list[str]:
    """Return the hidden layers of the outermost model that are called once and not normalised behind."""
    own = [entry for model, entry in kernels(architecture) if model is architecture]
    return [
        name_of(entry)
        for entry in own
        if len(entry.get("inbound_nodes", [0])) == 1
        and not any(r["class_name"] in NORMALIZERS for r in architecture.consumers(name_of(entry)))
    ]


def _normalised(architecture: Architecture, name: str, kind: str) -> Architecture:
    config = copy.deepcopy(architecture.config)
    entry = next(e for e in config["config"]["layers"] if name_of(e) == name)
    function = entry["config"].get("activation")
    entry["config"]["activation"] = "linear"
    policy = {"dtype": copy.deepcopy(entry["config"]["dtype"])} if "dtype" in entry["config"] else {}
    changed = Architecture(config)
    if function not in (None, "linear"):
        changed = changed.insert_after(name, _layer("Activation", f"{name}_activation", policy, activation=function))
    option = {"momentum": MOMENTUM} if kind == "batch" else {}
    return changed.insert_after(name, _layer(CLASSES[kind], f"{name}_normalization", policy, **option))


def _layer(kind: str, name: str, policy: dict[str, Any], **settings: Any) -> LayerConfig:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **policy, **settings}}


def _normalization_of(recipe: Recipe) -> str:
    found = [entry["class_name"] for entry in recipe.architecture.layers(*CLASSES.values())]
    return ", ".join(f"{found.count(kind)} {kind}" for kind in dict.fromkeys(found)) or "none"
