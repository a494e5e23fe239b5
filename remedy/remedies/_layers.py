"""What remedies that rewrite layers share: which layers are hidden, and how a rewrite is spelled as Python."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from remedy.errors import NotApplicable
from remedy.evidence.model_facts import ACTIVATION_LAYERS, NORMALIZERS, activation_of
from remedy.recipe.architecture import CONVOLUTIONS, KERNEL_LAYERS, Architecture, LayerConfig, name_of

DENSE_OR_CONVOLUTION = CONVOLUTIONS | {"Dense"}
RECURRENT = frozenset({"SimpleRNN", "LSTM", "GRU", "Bidirectional"})

FOLLOWED_THROUGH = (
    *NORMALIZERS,
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "Identity"),
    *(f"{kind}Pooling{d}D" for kind in ("Max", "Average") for d in (1, 2, 3)),
    *("Flatten", "Reshape"),
)
"""Layers that an activation may stand behind: they keep the values, or only shift, scale and drop them."""


SUMS = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"})
"""Layers and operations whose inputs must all be as wide."""

AS_WIDE = frozenset({*FOLLOWED_THROUGH, *ACTIVATION_LAYERS, *SUMS, "MultiHeadAttention"}) - {"Flatten", "Reshape"}
"""Layers whose output is as wide as their (first) input."""


def tied(architecture: Architecture, kinds: frozenset[str] = DENSE_OR_CONVOLUTION) -> frozenset[str]:
    """Return the layers whose width must stay, because a sum ties it to something that has a width of its own.

    The blocks of a transformer are added to the rows that they read; all widths of a residual stack can grow alike.

    Args:
        architecture: Whose layers.
        kinds: Of layers that may change their width.
    """
    free = {name_of(entry) for _, entry in kernels(architecture, kinds)}
    groups: list[set[str]] = []
    for model in models(architecture):
        known: dict[str, frozenset[str]] = {}
        for entry in model.config["config"]["layers"]:
            if entry["class_name"] in SUMS:
                group = {root for source in model.sources(name_of(entry)) for root in _roots(model, source, known)}
                for other in [there for there in groups if there & group]:
                    groups.remove(other)
                    group |= other
                groups.append(group)
    return frozenset(name for group in groups if not group <= free for name in group)


def _roots(model: Architecture, name: str, known: dict[str, frozenset[str]]) -> frozenset[str]:
    """Return the layers that give an output its width; ``known`` holds what was found before."""
    if name not in known:
        entry = next(layer for layer in model.config["config"]["layers"] if name_of(layer) == name)
        if isinstance(entry["config"].get("layers"), list):
            inner = Architecture(entry)
            within: dict[str, frozenset[str]] = {}
            found = [_roots(inner, output, within) for output in inner.outputs()]
        else:
            follows = entry["class_name"] in AS_WIDE or "Depthwise" in entry["class_name"]
            sources = model.sources(name) if follows else []
            sources = sources[:1] if entry["class_name"] == "MultiHeadAttention" else sources
            found = [_roots(model, source, known) for source in sources]
        known[name] = frozenset().union(*found) or frozenset({name})
    return known[name]


def kernels(
    architecture: Architecture, kinds: frozenset[str] = DENSE_OR_CONVOLUTION
) -> list[tuple[Architecture, LayerConfig]]:
    """Return the hidden layers of these kinds, each with the (nested) model that it stands in.

    Entries are those of ``architecture`` itself, so a copy of it can be changed in place. Layers in
    front of an output, behind which no other weights follow, are heads and left out.
    """
    heads = {name_of(entry) for entry in head_layers(architecture)}
    return [
        (model, entry)
        for model in models(architecture)
        for entry in model.config["config"]["layers"]
        if entry["class_name"] in kinds and name_of(entry) not in heads and entry["config"].get("trainable", True)
    ]


def models(architecture: Architecture) -> Iterator[Architecture]:
    """Yield the model and the models nested in it."""
    yield architecture
    for entry in architecture.layers():
        if isinstance(entry["config"].get("layers"), list):
            yield Architecture(entry)


def head_layers(architecture: Architecture) -> list[LayerConfig]:
    """Return what stands at the outputs: the last layer with weights of each, and everything behind it."""
    found = []
    for output in architecture.outputs():
        for entry in architecture.back_from(output):
            found.append(entry)
            if entry["class_name"] in KERNEL_LAYERS or isinstance(entry["config"].get("layer"), dict):
                break
    return found


def bends(model: Architecture, entry: LayerConfig) -> bool:
    """Say whether a layer has an activation of its own, or one behind it before the next weights."""
    if activation_of(entry) not in (None, "linear"):
        return True
    waiting = list(model.consumers(name_of(entry)))
    while waiting:
        reader = waiting.pop()
        if reader["class_name"] in ACTIVATION_LAYERS or activation_of(reader) not in (None, "linear"):
            if reader["class_name"] not in KERNEL_LAYERS:
                return True
        elif reader["class_name"] in FOLLOWED_THROUGH:
            waiting += model.consumers(name_of(reader))
        elif reader["class_name"] not in KERNEL_LAYERS:
            return True  # A layer of another kind may do anything, a sum or an attention included.
    return False


def rewrite(
    architecture: Architecture,
    change: Callable[[Architecture, LayerConfig], None],
    kinds: frozenset[str] = DENSE_OR_CONVOLUTION,
) -> Architecture:
    """Return a copy in which ``change(model, layer)`` was called for hidden layers, to change them in place.

    Raises:
        NotApplicable: The layers cannot be operated on, or nothing was changed.
    """
    architecture.require_open()
    changed = Architecture(copy.deepcopy(architecture.config))
    for model, entry in kernels(changed, kinds):
        change(model, entry)
    if changed == architecture:
        raise NotApplicable("no hidden layer would change")
    return changed


def for_every_layer(architecture: Architecture) -> str:
    """Return the line of Python that walks through the layers of ``model``, inner models and wrapped layers too."""
    own = architecture.config["config"]["layers"]
    if not any(isinstance(entry["config"].get(key), (list, dict)) for entry in own for key in ("layers", "layer")):
        return "for layer in model.layers:\n"
    return (
        "every = list(model.layers)\n"
        "for layer in every:  # grows by the layers within\n"
        "    every += [*getattr(layer, 'layers', ()), *filter(None, [getattr(layer, 'layer', None)])]\n"
    )


def settings_patch(before: Architecture, after: Architecture) -> str:
    """Return lines of Python that build the model anew with the settings of layers that differ."""
    new = {name_of(entry): entry for entry in after.layers()}
    changes: dict[str, dict[str, Any]] = {}
    for entry in before.layers():
        name, now = name_of(entry), new[name_of(entry)]
        if isinstance(entry["config"].get("layers"), list):
            continue
        differs = {k: v for k, v in now["config"].items() if k not in entry["config"] or entry["config"][k] != v}
        if differs:
            changes[name] = differs
    listed = "".join(f"    {name!r}: {values!r},\n" for name, values in changes.items())
    recursive = ", recursive=True" if len(list(models(before))) > 1 else ""
    return (
        f"changes = {{\n{listed}}}\n"
        "model = keras.models.clone_model(\n"
        "    whole(model),\n"
        "    clone_function=lambda layer: again(layer, changes.get(layer.name))"
        f"{recursive},\n)"
    )
