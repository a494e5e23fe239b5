"""augmentation: shift, turn and disturb the training rows a little, anew in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import Architecture, LayerConfig, name_of
from remedy.recipe.readers import takes_ids
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy

IMAGE_LAYERS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "shift": [("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1})],
    "affine": [
        ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}),
        ("RandomRotation", {"factor": 0.05}),
        ("RandomZoom", {"height_factor": 0.1}),
    ],
    "flip": [
        ("RandomFlip", {"mode": "horizontal"}),
        ("RandomTranslation", {"height_factor": 0.1, "width_factor": 0.1}),
    ],
}


class Augmentation(Remedy):
    """Put layers behind the input that change every training row a little, and rows to predict on not at all.

    "noise" adds a twentieth of the input's spread; pictures are shifted ("shift"), turned and zoomed as
    well ("affine"), or mirrored ("flip"); signals are shifted in time ("shift").

    Source: Shorten and Khoshgoftaar, "A survey on Image Data Augmentation for Deep Learning", 2019; Um et
    al., "Data Augmentation of Wearable Sensor Data", 2017 (signals).
    """

    name = "augmentation"
    space = {"kind": CategoricalDistribution(["noise", "shift", "affine", "flip"])}
    usual = {"kind": "shift"}
    surgery = True
    recompiles = True
    in_front = True

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return shifts for pictures and signals, noise for tables."""
        del recipe
        shape = arrays.leaves(dataset.train.X)[0].shape
        return [{"kind": "noise"}] if len(shape) == 2 else [{"kind": "shift"}, {"kind": "noise"}]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Insert the layers behind the one input."""
        recipe.architecture.require_open()
        layers = self._layers(recipe, dataset, str(dose["kind"]))
        architecture = recipe.architecture
        behind = name_of(architecture.inputs()[0])
        for kind, config in reversed(layers):
            architecture = _inserted(architecture, behind, kind, config)
        return recipe.replace(architecture=architecture)

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the layers."""
        known = {name_of(entry) for entry in recipe.architecture.layers()}
        new = [e["class_name"] for e in changed.architecture.layers() if name_of(e) not in known]
        return "rows as they are", ", ".join(kind for kind in new if kind != "Reshape")

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Put the layers in front of the model."""
        layers = self._layers(recipe, dataset, str(dose["kind"]))
        calls = [f"keras.layers.{k}({', '.join(f'{n}={v!r}' for n, v in c.items())})" for k, c in layers]
        return f"model = keras.Sequential([keras.Input(X_train.shape[1:]), {', '.join(calls)}, model])"

    def _layers(self, recipe: Recipe, dataset: Dataset, kind: str) -> list[tuple[str, dict[str, Any]]]:
        if len(recipe.architecture.inputs()) != 1 or len(arrays.leaves(dataset.train.X)) != 1:
            raise NotApplicable("augmentation takes a model with one input")
        if dataset.nested:
            raise NotApplicable("augmentation takes rows in one array, and these come in a dict or a list")
        entry = recipe.architecture.inputs()[0]
        if takes_ids(recipe.architecture, name_of(entry)):
            raise NotApplicable("ids cannot be disturbed a little")
        if any("Random" in entry["class_name"] for entry in recipe.architecture.layers()):
            raise NotApplicable("the rows are augmented already")
        X = arrays.leaves(dataset.train.X)[0]
        shape = X.shape[1:]
        if kind == "noise":
            spread = 1.0 if recipe.input_scaling else float(np.nanstd(X[:4096]))
            if not 0 < 0.05 * spread <= 1:  # the layer takes no more
                raise NotApplicable(f"the inputs have a spread of {spread:.3g}; scale them first")
            return [("GaussianNoise", {"stddev": round(0.05 * spread, 9)})]
        if len(shape) == 3:
            return IMAGE_LAYERS[kind]
        if len(shape) == 2 and kind == "shift":
            tall = {"target_shape": [shape[0], 1, shape[1]]}
            moved = {"height_factor": 0.1, "width_factor": 0.0, "fill_mode": "nearest"}
            return [("Reshape", tall), ("RandomTranslation", moved), ("Reshape", {"target_shape": list(shape)})]
        raise NotApplicable(f"rows of shape {shape} have no {kind}")


def _inserted(architecture: Architecture, behind: str, kind: str, config: dict[str, Any]) -> Architecture:
    name = architecture.unused_name(f"augment_{kind.lower()}")
    entry: LayerConfig = {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}}
    return architecture.insert_after(behind, entry)
