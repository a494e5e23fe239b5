"""global-pooling: the mean or the maximum of every feature map in the place of Flatten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.recipe.architecture import CONVOLUTIONS, Architecture, LayerConfig, name_of
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._specimens import Program, photos

MAPS = (
    *("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Dropout", "SpatialDropout", "Gaussian"),
    *("BatchNorm", "LayerNorm", "GroupNorm", "MaxPooling", "AveragePooling"),
)
"""Beginnings of the names of layers behind which feature maps are still feature maps."""

KINDS = {"average": "GlobalAveragePooling", "max": "GlobalMaxPooling"}


class GlobalPooling(Remedy):
    """Pool every feature map into one number where Flatten hands all positions to the dense layers.

    Behind Flatten every position has weights of its own, so what was learned at one place is unknown at the next,
    and most weights of the network stand there. Pooled maps say what is in the input, wherever it is.

    Source: Lin, Chen, Yan, "Network In Network", 2014, section 3.2 (global average pooling as a structural
    regularizer); He et al., "Deep Residual Learning", 2016, ends in it.
    """

    name = "global-pooling"
    space = {"kind": CategoricalDistribution(["average", "max"])}
    usual = {"kind": "average"}
    surgery = True
    recompiles = True

    def specimen(self) -> Program:
        """Return a Flatten behind a convolution."""
        return photos()

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return the mean first, then the maximum."""
        return [{"kind": kind} for kind in KINDS]

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Replace every Flatten that reads feature maps; its name is kept."""
        recipe.architecture.require_open()
        kinds = {name: f"{KINDS[dose['kind']]}{axes}" for name, axes in _flattened(recipe.architecture)}
        if not kinds:
            raise NotApplicable("there is no Flatten behind convolutions")

        def change(entry: LayerConfig) -> None:
            config = entry["config"]
            if config["name"] in kinds:
                kept = {key: config[key] for key in ("name", "dtype", "trainable", "data_format") if key in config}
                entry |= {"module": "keras.layers", "class_name": kinds[config["name"]], "registered_name": None}
                entry["config"] = kept

        return recipe.replace(architecture=recipe.architecture.edit(change))

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Name the layers before and after."""
        names = [name for name, _ in _flattened(recipe.architecture)]

        def spelled(r: Recipe) -> str:
            return ", ".join(e["class_name"] for e in r.architecture.layers() if name_of(e) in names)

        return spelled(recipe), spelled(changed)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Build the model anew with other layers in the place of Flatten."""
        kinds = {name: f"{KINDS[dose['kind']]}{axes}" for name, axes in _flattened(recipe.architecture)}
        return (
            f"pooled = {kinds!r}\n"
            "def pooling(layer):\n"
            "    if layer.name not in pooled:\n"
            "        return again(layer)\n"
            "    return getattr(keras.layers, pooled[layer.name])(name=layer.name)\n"
            "model = keras.models.clone_model(whole(model), clone_function=pooling)"
        )


def _flattened(architecture: Architecture) -> Iterator[tuple[str, str]]:
    """Yield the name of each Flatten that reads the maps of a convolution, and "1D", "2D" or "3D"."""
    if architecture.opaque:
        return
    outermost = {name_of(entry): entry for entry in architecture.config["config"]["layers"]}
    for name, entry in outermost.items():
        if entry["class_name"] != "Flatten":
            continue
        before = architecture.sources(name)
        while len(before) == 1 and before[0] in outermost:
            kind = outermost[before[0]]["class_name"]
            if kind in CONVOLUTIONS:
                yield name, kind[-2:]
                break
            if not kind.startswith(MAPS):
                break
            before = architecture.sources(before[0])
