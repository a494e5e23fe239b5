"""Which layers first make use of an input, and whether they take its values for ids."""

from __future__ import annotations

from remedy.keras_internals import package
from remedy.recipe.architecture import Architecture, LayerConfig, name_of

DROPOUTS = ("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout")
RESHAPERS = ("Flatten", "Reshape", "Permute")
PASSED = (*RESHAPERS, *DROPOUTS, "GaussianNoise", "GetItem", "Cast", "Identity", "Resizing", "CenterCrop")
"""Layers that move, choose or disturb values and take nothing from them, beside padding, cropping and ``Random...``."""

LOOKUPS = ("IntegerLookup", "StringLookup", "Hashing", "CategoryEncoding", "TextVectorization")


def readers(architecture: Architecture, name: str) -> list[LayerConfig]:
    """Return the layers that first make use of what layer ``name`` gives; nested models are entered."""
    found: list[LayerConfig] = []
    waiting = [(architecture, name)]
    while waiting:
        model, at = waiting.pop(0)
        for layer in model.consumers(at):
            kind = layer["class_name"]
            if isinstance(layer["config"].get("layers"), list):
                inner = Architecture(layer)
                entries = inner.inputs()
                waiting += [(inner, name_of(entry)) for entry in entries]
                found += [] if entries else [layer]
            elif kind in PASSED or kind.startswith(("Random", "ZeroPadding", "Cropping")):
                waiting.append((model, name_of(layer)))
            else:
                found.append(layer)
    return found


def read_by_own_layer(architecture: Architecture, name: str) -> bool:
    """Say whether a layer of the user's own is the first to make use of an input: whole numbers may be ids to it."""
    return any(package(layer.get("module")) != "keras" for layer in readers(architecture, name))


def takes_ids(architecture: Architecture, name: str) -> bool:
    """Say whether an input's values are looked up, and not measured: by Keras' layers, or by one that is called so."""
    kinds = [layer["class_name"] for layer in readers(architecture, name)]
    return any("Embedding" in kind or kind in LOOKUPS for kind in kinds)
