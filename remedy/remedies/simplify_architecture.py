"""simplify-architecture: fewer filters or units, fewer blocks, a strided stem for long inputs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from optuna.distributions import CategoricalDistribution

from remedy.data.dataset import Dataset
from remedy.errors import NotApplicable
from remedy.evidence.model_facts import shrinks
from remedy.recipe.architecture import (
    CONVOLUTIONS,
    KERNEL_LAYERS,
    SHAPERS,
    Architecture,
    LayerConfig,
    name_of,
    width_key,
)
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Dose, Remedy
from remedy.remedies._layers import head_layers, models, tied


class SimplifyArchitecture(Remedy):
    """Make the network smaller: scale its width, take blocks out, or stride its first convolution.

    A block is a layer with weights and everything up to the next one; blocks are taken out from
    the end, never the first and never the output. A strided stem reads long signals and large
    pictures at a coarser step, which costs little and speeds every epoch up.

    A deep stack without normalization or shortcuts is cut down to three such blocks.

    Source: fewer layers where depth only hurts: He et al., "Deep Residual Learning", 2016
    (degradation of plain stacks); strided stem: the same paper's stride-2 first layer.
    """

    name = "simplify-architecture"
    space = {
        "width": CategoricalDistribution([1.0, 0.5, 0.25]),
        "blocks": CategoricalDistribution([0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48]),
        "stem": CategoricalDistribution([1, 2, 4]),
    }
    usual = {"width": 0.5, "blocks": 0, "stem": 1}
    surgery = True
    recompiles = True

    deep = 6
    """Blocks that could go, from which on a stack is cut down to its first and two more at once."""

    long_input, large_picture = 128, 24
    """Entries along an axis from which on a stem of stride 2 still leaves plenty, the second for pictures that no
    other layer shrinks."""

    def usual_doses(self, recipe: Recipe, dataset: Dataset) -> Sequence[Dose]:
        """Return a strided stem for long inputs, then a depth of about three for deep stacks, else one block less."""
        doses: list[Dose] = []
        if _stems(recipe.architecture, self._long(recipe.architecture)):
            doses.append({"width": 1.0, "blocks": 0, "stem": 2})
        spare = len(_blocks(recipe.architecture))
        if spare >= self.deep:
            known = self.space["blocks"].choices
            doses.append({"width": 1.0, "blocks": max(n for n in known if n <= spare - 2), "stem": 1})
        elif spare >= 4:
            doses.append({"width": 1.0, "blocks": 1, "stem": 1})
        return doses or (self.usual,)

    def apply(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> Recipe:
        """Stride, then take blocks out, then narrow."""
        architecture = recipe.architecture
        architecture.require_open()
        if dose["stem"] > 1:
            architecture = _stride(architecture, int(dose["stem"]), self._long(architecture))
        for _ in range(int(dose["blocks"])):
            blocks = _blocks(architecture)
            if not blocks:
                raise NotApplicable("there is no block to take out: the layers are no plain chain, or too few")
            architecture = architecture.without(*blocks[-1])
        if dose["width"] < 1:
            architecture = _narrow(architecture, float(dose["width"]))
        if architecture == recipe.architecture:
            raise NotApplicable("this dose changes nothing")
        return recipe.replace(architecture=architecture)

    def _long(self, architecture: Architecture) -> int:
        """Return the entries along an axis from which on an input is long."""
        picture = any(len(entry["config"]["batch_shape"]) > 3 for entry in architecture.inputs())
        whole = not any(shrinks(entry) for entry in architecture.layers())
        return self.large_picture if picture and whole else self.long_input

    def describe(self, recipe: Recipe, changed: Recipe) -> tuple[str, str]:
        """Spell the widths and strides of the layers with weights."""
        return _size_of(recipe.architecture), _size_of(changed.architecture)

    def patch(self, recipe: Recipe, dataset: Dataset, **dose: Any) -> str:
        """Rewrite the model's configuration and build it anew."""
        before, after = recipe.architecture, self.apply(recipe, dataset, **dose).architecture
        new = {name_of(layer): layer["config"] for layer in after.layers()}
        gone = [name_of(layer) for layer in before.layers() if name_of(layer) not in new]
        changes: dict[str, dict[str, Any]] = {}
        for layer in before.layers():
            name, old = name_of(layer), layer["config"]
            for key in ("filters", "units", "strides"):
                if name in new and old.get(key) != new[name].get(key):
                    changes.setdefault(name, {})[key] = new[name][key]
        recursive = ", recursive=True" if len(list(models(before))) > 1 else ""
        if before.chain():
            return (
                f"changes, gone = {changes!r}, {gone!r}\n"
                "layers = [x for x in model.layers if x.name not in gone and type(x).__name__ != 'InputLayer']\n"
                "layers = [again(x, changes.get(x.name)) for x in layers]\n"
                "stack = keras.Sequential([keras.Input(keras.tree.flatten(model.inputs)[0].shape[1:]), *layers])\n"
                + (IN_A_NEST if _nested(before) else "model = stack")
            )
        return (
            f"changes = {changes!r}\n"
            "model = keras.models.clone_model(whole(model), "
            f"clone_function=lambda layer: again(layer, changes.get(layer.name)){recursive})"
        )


IN_A_NEST = """\
rows = keras.tree.map_structure(lambda x: keras.Input(x.shape[1:], dtype=x.dtype, name=x.name), model.input)
answers = [stack(keras.tree.flatten(rows)[0])]
model = keras.Model(rows, keras.tree.pack_sequence_as(model.output, answers))"""


def _nested(architecture: Architecture) -> bool:
    """Say whether the model takes or gives its one tensor by name."""
    inner = architecture.config["config"]
    return any(isinstance(inner.get(ends), dict) for ends in ("input_layers", "output_layers"))


def _stems(architecture: Architecture, long_input: int) -> dict[str, list[bool]]:
    """Return the convolutions that read an input directly, or behind layers that keep its length, by name.

    Each with the axes that may be strided: long ones, and none that the kernel does not span, for a stride
    over such an axis leaves entries out.
    """
    chain = architecture.chain()
    found: dict[str, list[bool]] = {}
    for entry in architecture.inputs():
        sizes = [size or 0 for size in entry["config"]["batch_shape"][1:-1]]
        if not sizes or 0 in sizes:
            return {}
        if chain:
            readers = [layer for layer in chain if layer["class_name"] in KERNEL_LAYERS][:1]
        else:
            readers = architecture.consumers(name_of(entry))
        for reader in readers:
            config = reader["config"]
            plain = reader["class_name"] in CONVOLUTIONS and set(config["strides"]) == {1}
            if not plain or set(config.get("dilation_rate", [1])) != {1} or len(config["kernel_size"]) != len(sizes):
                continue
            axes = [
                size >= long_input and kernel > 1 for size, kernel in zip(sizes, config["kernel_size"], strict=True)
            ]
            equal = "Conv" in reader["class_name"] and not reader["class_name"].startswith("Conv")
            if any(axes) and not (equal and not all(axes)):  # Depthwise kernels know one stride for all axes.
                found[config["name"]] = axes
    return found


def _stride(architecture: Architecture, stride: int, long_input: int) -> Architecture:
    stems = _stems(architecture, long_input)
    if not stems:
        raise NotApplicable(f"no unstrided convolution reads an input of {long_input} entries or more")

    def change(layer: LayerConfig) -> None:
        axes = stems.get(name_of(layer))
        if axes is not None:
            layer["config"]["strides"] = [stride if axis else 1 for axis in axes]

    return architecture.edit(change)


def _blocks(architecture: Architecture) -> list[list[str]]:
    """Return the names of the layers of each block that may be taken out, first block left out.

    A block of convolutions ends before Flatten or global pooling, which stay; the output layer and
    what follows it stay as well. Only plain chains have blocks.
    """
    chain = [layer for layer in architecture.chain() if layer["class_name"] != "InputLayer"]
    kernels = [i for i, layer in enumerate(chain) if layer["class_name"] in KERNEL_LAYERS]
    if len(kernels) < 3:
        return []
    blocks: list[list[str]] = []
    for start, end in itertools.pairwise(kernels):
        block = [layer for layer in chain[start:end] if layer["class_name"] not in SHAPERS]
        blocks.append([name_of(layer) for layer in block])
    return blocks[1:]


def _narrow(architecture: Architecture, factor: float) -> Architecture:
    stay = {name_of(entry) for entry in head_layers(architecture)} | tied(architecture, KERNEL_LAYERS)

    def change(layer: LayerConfig) -> None:
        key = width_key(layer)
        if key and layer["class_name"] in KERNEL_LAYERS and name_of(layer) not in stay:
            layer["config"][key] = max(4, round(layer["config"][key] * factor))

    return architecture.edit(change)


def _size_of(architecture: Architecture) -> str:
    parts = []
    for layer in architecture.layers():
        key = width_key(layer)
        if key and layer["class_name"] in KERNEL_LAYERS:
            strides = [s for s in layer["config"].get("strides", [1]) if s > 1]
            parts.append(f"{layer['config'][key]}{f'/{max(strides)}' if strides else ''}")
    return "-".join(parts)
