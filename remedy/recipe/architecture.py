"""The architecture of a model as Keras' own configuration, and the surgery done on it.

An `Architecture` wraps the dict that ``keras.saving.serialize_keras_object(model)`` gives. Working
on configurations and not on live layers keeps remedies pure, quick to test and free of any Keras
import; layer names, dtype policies and custom objects survive untouched. Nested models are
entered. A model without such a configuration (most subclassed ones) is *opaque*: it can be
trained and watched, but not operated on.
"""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from remedy.errors import NotApplicable
from remedy.keras_internals import functional_module

LayerConfig = dict[str, Any]

KERNEL_LAYERS = frozenset(
    {"Dense", "EinsumDense", "SimpleRNN", "LSTM", "GRU", "Bidirectional"}
    | {f"{kind}{d}D" for kind in ("Conv", "SeparableConv", "DepthwiseConv") for d in (1, 2, 3)}
)
CONVOLUTIONS = frozenset(name for name in KERNEL_LAYERS if "Conv" in name)
SHAPERS = frozenset({"Flatten", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"}) | {
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Reshape",
}


@dataclass(frozen=True)
class Architecture:
    """The configuration of a model.

    Attributes:
        config: What ``serialize_keras_object(model)`` gives, without compile and build parts.
        opaque: Why the layers cannot be operated on, or None.
    """

    config: LayerConfig = field(repr=False)
    opaque: str | None = None

    @classmethod
    def from_serialized(cls, config: LayerConfig) -> Architecture:
        """Take Keras' serialized model; drop what goes stale under surgery (build shapes, compile part)."""
        config = _without(copy.deepcopy(config), {"build_config", "compile_config", "build_input_shape"})
        _name_all(config)
        known = config.get("class_name") in ("Sequential", "Functional", "Model") and "layers" in config["config"]
        reason = None if known else f"{config.get('class_name')} is a subclassed model: its layers cannot be rewritten"
        return cls(config, reason)

    @classmethod
    def unread(cls, model: Any, reason: str) -> Architecture:
        """Return what stands for a model whose configuration cannot be had."""
        return cls({"class_name": type(model).__name__, "config": {}}, reason)

    @property
    def digest(self) -> str:
        """A short digest of the configuration."""
        return hashlib.blake2b(json.dumps(self.config, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()

    def require_open(self) -> None:
        """Raise `NotApplicable` when the layers cannot be operated on."""
        if self.opaque:
            raise NotApplicable(self.opaque)

    def layers(self, *kinds: str) -> Iterator[LayerConfig]:
        """Yield the layer entries, nested models entered, in order; only of ``kinds`` if given."""
        if self.opaque:
            return
        for layer in _walk(self.config):
            if not kinds or layer["class_name"] in kinds:
                yield layer

    def in_inference(self) -> frozenset[str]:
        """Return the names of the layers that are only ever called with ``training=False``, nested models entered."""
        found = [entry for entry in self.layers() if _only_in_inference(entry)]
        inner = [entry for entry in found if isinstance(entry["config"].get("layers"), list)]
        return frozenset(map(name_of, [*found, *(layer for entry in inner for layer in _walk(entry))]))

    def inputs(self) -> list[LayerConfig]:
        """Return the outermost model's InputLayer entries, in the order in which it takes its inputs."""
        if self.opaque:
            return []
        inner = self.config["config"]
        entries = {name_of(layer): layer for layer in inner["layers"] if layer["class_name"] == "InputLayer"}
        if "input_layers" not in inner:
            return list(entries.values())
        return [entries[ref[0]] for ref in references(inner["input_layers"])]

    def outputs(self) -> list[str]:
        """Return the names of the layers whose outputs are the model's outputs."""
        if self.opaque:
            return []
        if self.config["class_name"] == "Sequential":
            return [name_of(self.config["config"]["layers"][-1])]
        return [ref[0] for ref in references(self.config["config"]["output_layers"])]

    def edit(self, change: Callable[[LayerConfig], None], *kinds: str) -> Architecture:
        """Return a copy in which ``change`` was applied to every layer entry of ``kinds``, in place."""
        self.require_open()
        changed = Architecture(copy.deepcopy(self.config))
        for layer in changed.layers(*kinds):
            change(layer)
        return changed

    def chain(self) -> list[LayerConfig]:
        """Return the outermost layers in order if each feeds exactly the next one, else an empty list."""
        if self.opaque:
            return []
        layers: list[LayerConfig] = self.config["config"]["layers"]
        if self.config["class_name"] == "Sequential":
            return layers
        for before, layer in itertools.pairwise(layers):
            if len(layer.get("inbound_nodes", ())) != 1 or _sources(layer) != [name_of(before)]:
                return []
        return layers if layers and layers[0]["class_name"] == "InputLayer" else []

    def consumers(self, name: str) -> list[LayerConfig]:
        """Return the outermost layers that read the output of layer ``name``."""
        layers: list[LayerConfig] = [] if self.opaque else self.config["config"]["layers"]
        if not self.opaque and self.config["class_name"] == "Sequential":
            at = next((i for i, layer in enumerate(layers) if name_of(layer) == name), len(layers))
            return layers[at + 1 : at + 2]
        return [layer for layer in layers if name in _sources(layer)]

    def sources(self, name: str) -> list[str]:
        """Return the names of the outermost layers whose outputs layer ``name`` reads."""
        layers: list[LayerConfig] = [] if self.opaque else self.config["config"]["layers"]
        at = next((i for i, layer in enumerate(layers) if name_of(layer) == name), 0)
        if not self.opaque and self.config["class_name"] == "Sequential":
            return [name_of(layers[at - 1])] if at > 0 else []
        return _sources(layers[at]) if layers else []

    def back_from(self, output: str) -> Iterator[LayerConfig]:
        """Yield the layers from an output back towards the inputs, nested models entered, until branches meet."""
        inner, name = self, output
        while True:
            entry = next((layer for layer in inner.config["config"]["layers"] if name_of(layer) == name), None)
            if entry is None:
                return
            if isinstance(entry["config"].get("layers"), list):
                inner = Architecture(entry)
                name = inner.outputs()[0]
                continue
            yield entry
            sources = inner.sources(name)
            if len(sources) != 1:
                return
            name = sources[0]

    def without(self, *names: str) -> Architecture:
        """Return a copy without the named outermost layers; what read them reads what they read.

        Raises:
            NotApplicable: A layer has several inputs or uses, or is an input or output.
        """
        self.require_open()
        config = copy.deepcopy(self.config)
        inner = config["config"]
        if config["class_name"] == "Sequential":
            inner["layers"] = [layer for layer in inner["layers"] if name_of(layer) not in names]
            return Architecture(config)
        for name in names:
            layer = next(entry for entry in inner["layers"] if name_of(entry) == name)
            found = references(layer.get("inbound_nodes", []))
            if len(found) != 1 or name in self.outputs():
                raise NotApplicable(f"layer {name!r} cannot be taken out: it joins branches or ends the model")
            inner["layers"].remove(layer)
            _redirect(inner, name, found[0])
        return Architecture(config)

    def functional(self) -> Architecture:
        """Return a Sequential model as the functional model of the same layers, which may also hold operations.

        Raises:
            NotApplicable: The model's input shape is not known, or its layers cannot be operated on.
        """
        self.require_open()
        if self.config["class_name"] != "Sequential":
            return self
        layers = copy.deepcopy(self.config["config"]["layers"])
        if not layers or layers[0]["class_name"] != "InputLayer":
            raise NotApplicable("the model does not say the shape of its input")
        layers[0] |= {"name": name_of(layers[0]), "inbound_nodes": []}
        for before, entry in itertools.pairwise(layers):
            entry |= {"name": name_of(entry), "inbound_nodes": [_node(name_of(before))]}
        first, last = ([name_of(layers[at]), 0, 0] for at in (0, -1))
        inner = {"name": self.config["config"].get("name"), "trainable": True, "layers": layers}
        inner |= {"input_layers": [first], "output_layers": [last]}
        return Architecture(
            {
                "module": functional_module(),
                "class_name": "Functional",
                "config": inner,
                "registered_name": None,
            }
        )

    def insert_after(self, name: str, new: LayerConfig) -> Architecture:
        """Return a copy in which ``new`` stands behind the outermost layer ``name``.

        Args:
            name: The layer whose output ``new`` reads; every former reader then reads ``new``.
            new: ``{"module", "class_name", "config": {"name": ...}}`` of a layer with one input.
        """
        self.require_open()
        config = copy.deepcopy(self.config)
        inner = config["config"]
        at = next(i for i, layer in enumerate(inner["layers"]) if name_of(layer) == name)
        entry: LayerConfig = {"registered_name": None, **copy.deepcopy(new)}
        if config["class_name"] != "Sequential":
            new_name = entry["config"]["name"]
            _redirect(inner, name, [new_name, 0, 0])
            entry |= {"name": new_name, "inbound_nodes": [_node(name)]}
        inner["layers"].insert(at + 1, entry)
        return Architecture(config)

    def unused_name(self, wish: str) -> str:
        """Return ``wish``, or ``wish_1`` and so on, whichever no layer has."""
        taken = {name_of(layer) for layer in self.layers()}
        return next(n for n in (wish, *(f"{wish}_{i}" for i in range(1, 10_000))) if n not in taken)


def width_key(layer: LayerConfig) -> str | None:
    """Return which configuration key holds a layer's width: "units", "filters" or None."""
    return next((key for key in ("filters", "units") if isinstance(layer["config"].get(key), int)), None)


def _node(name: str) -> dict[str, Any]:
    """Return the call of a layer on the output of layer ``name``."""
    # Keras rebuilds a node from its history alone; shape and dtype only have to be there.
    config = {"keras_history": [name, 0, 0], "shape": [None], "dtype": "float32"}
    return {"args": [{"class_name": "__keras_tensor__", "config": config}], "kwargs": {}}


def name_of(layer: LayerConfig) -> str:
    """Return the name of a layer entry; a layer of the user's own may leave its name out of its configuration."""
    return str(layer["config"].get("name", layer.get("name")))


def _name_all(model: LayerConfig) -> None:
    """Give a name to every entry that has none: those of a Sequential hold it in their configuration or nowhere."""
    for i, layer in enumerate(model["config"].get("layers") or ()):
        if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
            continue
        if "name" not in layer["config"] and layer.get("name") is None:
            layer["name"] = f"{str(layer['class_name']).lower()}_at_{i}"
        _name_all(layer)


def _walk(model: LayerConfig) -> Iterator[LayerConfig]:
    for layer in model["config"]["layers"]:
        yield layer
        if isinstance(layer["config"].get("layers"), list):
            yield from _walk(layer)
        elif isinstance(layer["config"].get("layer"), dict):  # TimeDistributed, Bidirectional
            yield layer["config"]["layer"]


def _only_in_inference(layer: LayerConfig) -> bool:
    calls = [node for node in layer.get("inbound_nodes") or () if isinstance(node, dict)]
    return bool(calls) and all(node.get("kwargs", {}).get("training") is False for node in calls)


def references(part: Any) -> list[list[Any]]:
    """Return every ``[layer, node, tensor]`` reference inside a part of a functional configuration."""
    if isinstance(part, dict):
        if "keras_history" in part:
            return [part["keras_history"]]
        return [ref for value in part.values() for ref in references(value)]
    if isinstance(part, (list, tuple)):
        if len(part) == 3 and isinstance(part[0], str) and all(isinstance(i, int) for i in part[1:]):
            return [list(part)]
        return [ref for value in part for ref in references(value)]
    return []


def _sources(layer: LayerConfig) -> list[str]:
    return [ref[0] for ref in references(layer.get("inbound_nodes", []))]


def _redirect(inner: LayerConfig, old: str, new: list[Any]) -> None:
    """Point every reference to layer ``old`` at ``new``, in nodes and in the model's outputs."""

    def turn(part: Any) -> Any:
        if isinstance(part, dict):
            history = part.get("keras_history")
            if history is not None:
                return {**part, "keras_history": list(new) if history[0] == old else history}
            return {key: turn(value) for key, value in part.items()}
        if isinstance(part, (list, tuple)):
            if len(part) == 3 and part[0] == old and all(isinstance(i, int) for i in part[1:]):
                return list(new)
            return [turn(value) for value in part]
        return part

    for layer in inner["layers"]:
        layer["inbound_nodes"] = turn(layer.get("inbound_nodes", []))
    inner["output_layers"] = turn(inner["output_layers"])


def _without(part: Any, keys: set[str]) -> Any:
    if isinstance(part, dict):
        return {key: _without(value, keys) for key, value in part.items() if key not in keys}
    if isinstance(part, list):
        return [_without(value, keys) for value in part]
    return part
