"""regularise: set or lift the penalty on the weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import KERNEL_LAYERS, Architecture, LayerConfig
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._layers import settings_patch

PENALTIES = ("kernel_regularizer", "bias_regularizer", "activity_regularizer", "recurrent_regularizer")


class Regularise(Remedy):
    """Give every kernel an L2 penalty of one strength, 0 for none; other penalties go.

    Too strong a penalty holds every weight at zero and the net at a constant answer; a mild one is
    the first thing against a net that learns its rows by heart.

    Source: Krogh and Hertz, "A Simple Weight Decay Can Improve Generalization", NIPS 1991; fit first,
    regularise afterwards (Karpathy, "A Recipe for Training Neural Networks", 2019).
    """

    name = "regularise"
    space = {"strength": CategoricalDistribution([0.0, 1e-4, 1e-3, 1e-2])}
    usual = {"strength": 0.0}
    surgery = True
    recompiles = True

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return none where there is a penalty, else a mild one."""
        del dataset
        return [{"strength": 0.0}, {"strength": 1e-4}] if _penalised(recipe) else [{"strength": 1e-3}]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Set the penalties of all layers with kernels."""
        recipe.architecture.require_open()
        strength = float(dose["strength"])
        changed = Architecture(copy.deepcopy(recipe.architecture.config))
        for entry in changed.layers():
            _set(entry, strength)
        if changed == recipe.architecture:
            raise NotApplicable(f"the penalty is {strength:g} already")
        return recipe.replace(architecture=changed)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the penalties before and after."""
        return _penalised(recipe) or "no penalty", _penalised(changed) or "no penalty"

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with other penalties."""
        return settings_patch(recipe.architecture, self.apply(recipe, dataset, **dose).architecture)


def _set(entry: LayerConfig, strength: float) -> None:
    config = entry["config"]
    for key in PENALTIES:
        if config.get(key) is not None:
            config[key] = None
    if strength and entry["class_name"] in KERNEL_LAYERS and "kernel_regularizer" in config:
        config["kernel_regularizer"] = {
            "module": "keras.regularizers",
            "class_name": "L2",
            "config": {"l2": strength},
            "registered_name": None,
        }


def _penalised(recipe: Recipe) -> str:
    """Spell the penalties, "" for none."""
    found = [entry["config"].get(key) for entry in recipe.architecture.layers() for key in PENALTIES]
    said = [
        f"{p['class_name']} {max((v for v in p['config'].values() if isinstance(v, float)), default=0):g}"
        if isinstance(p, dict) and isinstance(p.get("config"), dict)
        else str(p)
        for p in found
        if p is not None
    ]
    return ", ".join(dict.fromkeys(said))
