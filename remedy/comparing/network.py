"""A network as steps in a normal form, read from an architecture and written back as one.

A step is a layer that does one thing: an activation inside a layer is a step of its own, nested models are opened,
what changes nothing is left out. So one function has one list of steps, whichever API and layers spelt it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from remedy.comparing.spelling import (
    Spec,
    activation,
    activation_of,
    affine,
    canonical,
    has_own_activation,
    spec,
    usual_call,
)
from remedy.errors import NotApplicable
from remedy.keras_internals import functional_module
from remedy.recipe.architecture import KERNEL_LAYERS, Architecture, LayerConfig, name_of, references

Source = tuple[int, int]
"""Where a step reads: the position of another one, and which of its outputs."""

TENSOR = "__tensor__"
"""Stands for a step's input in its call."""


@dataclass(frozen=True)
class Step:
    """One thing that a network does.

    Attributes:
        spec: Its normal form; of an input its shape.
        sources: What it reads.
        path: Names of the layer that it was read from, outermost model first; the same for every call of a layer.
        written: That layer as it was written, in short.
        entry: Configuration of a layer that does this and nothing else.
        call: Its call: ``{"args", "kwargs"}`` with `TENSOR` for every input.
        is_activation: Whether it is an activation.
    """

    spec: Spec
    sources: tuple[Source, ...]
    path: tuple[str, ...]
    written: str = field(compare=False)
    entry: LayerConfig = field(repr=False, compare=False)
    call: Mapping[str, Any] = field(repr=False, compare=False)
    is_activation: bool = False

    @property
    def kind(self) -> str:
        """What sort of step it is; all activations are one sort."""
        return "activation" if self.is_activation else self.spec.kind

    @property
    def has_kernel(self) -> bool:
        """Whether it multiplies with weights."""
        return self.spec.kind in KERNEL_LAYERS or any(
            isinstance(v, Spec) for k, v in self.spec.settings if k == "layer"
        )


@dataclass(frozen=True)
class Network:
    """Steps in the order in which outputs need them, inputs first; and which of them the outputs are."""

    steps: tuple[Step, ...]
    outputs: tuple[Source, ...]

    @property
    def head(self) -> int:
        """Position of the last step with a kernel; the number of steps where there is none."""
        return max((i for i, step in enumerate(self.steps) if step.has_kernel), default=len(self.steps))


def read(architecture: Architecture) -> Network:
    """Return the steps of an architecture.

    Raises:
        NotApplicable: Its layers cannot be read.
    """
    architecture.require_open()
    steps: list[Step] = []
    outputs = _read(architecture, None, (), {}, steps)
    return _joined(Network(tuple(steps), tuple(outputs)))


def write(network: Network) -> tuple[Architecture, dict[str, tuple[str, ...]]]:
    """Return a functional model of these steps, and the path of the layer that every named layer of it was.

    Steps with one path share one layer, as they did.
    """
    entries: dict[tuple[str, ...], LayerConfig] = {}
    named: dict[tuple[str, ...], str] = {}
    placed: list[tuple[str, int]] = []
    for step in network.steps:
        key = (*step.path, step.kind if step.is_activation else "")
        if key not in entries:
            wish = str(name_of(step.entry))
            name = next(n for n in (wish, *(f"{wish}_{i}" for i in range(1, 10_000))) if n not in named.values())
            named[key] = name
            entries[key] = {"registered_name": None, **copy.deepcopy(step.entry), "name": name, "inbound_nodes": []}
            entries[key]["config"]["name"] = name
        nodes = entries[key]["inbound_nodes"]
        placed.append((named[key], len(nodes)))
        if step.sources:
            nodes.append(_called(step.call, iter([[*placed[at], part] for at, part in step.sources])))
    inner = {
        "name": "network",
        "trainable": True,
        "layers": list(entries.values()),
        "input_layers": [[*at, 0] for at, step in zip(placed, network.steps, strict=True) if not step.sources],
        "output_layers": [[*placed[at], part] for at, part in network.outputs],
    }
    module = functional_module()
    whole = {"module": module, "class_name": "Functional", "config": inner, "registered_name": "Functional"}
    return Architecture(whole), {name: key[:-1] for key, name in named.items()}


def _read(
    model: Architecture,
    feeds: Sequence[Source] | None,
    path: tuple[str, ...],
    training: Mapping[str, Any],
    steps: list[Step],
) -> list[Source]:
    """Add the steps of a model that is called on ``feeds`` (None for the outermost) and return its outputs."""
    inner = _with_input(model).functional().config["config"]
    layers = {str(entry.get("name", name_of(entry))): entry for entry in inner["layers"]}
    inputs = [(ref[0], 0) for ref in references(inner["input_layers"])]
    done: dict[tuple[str, int], list[Source] | int] = {}
    for i, (name, _) in enumerate(inputs):
        if feeds is None:
            shape = canonical("", layers[name]["config"].get("batch_shape"))
            form = Spec("InputLayer", (("shape", shape and shape[1:]),))
            steps.append(Step(form, (), (*path, name), str(form), layers[name], {}))
        done[name, 0] = [(len(steps) - 1, 0)] if feeds is None else [feeds[i]]
    wanted = references(inner["output_layers"])
    waiting = [(ref[0], ref[1]) for ref in reversed(wanted)]
    while waiting:
        name, node = key = waiting[-1]
        call = layers[name].get("inbound_nodes", [{}])[node] if key not in done else {}
        missing = [(ref[0], ref[1]) for ref in references(call) if (ref[0], ref[1]) not in done]
        if key in done or not missing:
            waiting.pop()
        if key in done:
            continue
        if missing:
            waiting += reversed(missing)
            continue
        sources = [_source(done[ref[0], ref[1]], ref[2]) for ref in references(call)]
        done[key] = _add(layers[name], call, sources, (*path, name), training, steps)
    return [_source(done[ref[0], ref[1]], ref[2]) for ref in wanted]


def _add(
    entry: LayerConfig,
    call: Mapping[str, Any],
    sources: list[Source],
    path: tuple[str, ...],
    training: Mapping[str, Any],
    steps: list[Step],
) -> list[Source] | int:
    """Add the steps of one call of a layer; return the position of the last, or the outputs of what is no step."""
    kwargs = {**{k: v for k, v in call.get("kwargs", {}).items() if v is not None}, **training}
    if isinstance(entry["config"].get("layers"), list):
        mode = {k: v for k, v in kwargs.items() if k == "training"}
        return _read(Architecture(entry), sources, path, mode, steps)
    usual = usual_call(entry)
    kwargs = {k: v for k, v in kwargs.items() if k not in usual or v != usual[k]}
    if "training" not in usual or (entry["class_name"] == "BatchNormalization" and not entry["config"]["trainable"]):
        kwargs = {k: v for k, v in kwargs.items() if k != "training"}  # Nothing would be done in another way.
    call = {"args": _emptied(call.get("args", [TENSOR])), "kwargs": _emptied(kwargs)}
    form, bends = spec(entry, "layers"), activation_of(entry)
    moved = affine(entry, call)
    if form.kind == "Identity" or bends == Spec("linear") or (form.kind == "Dropout" and not entry["config"]["rate"]):
        return sources
    own = None if bends else activation(entry["config"].get("activation")) if has_own_activation(entry) else None
    if moved is not None:
        form, entry, call = *_rescaling(*moved, name_of(entry)), _ON_ONE
    elif bends is not None:
        form = bends
    elif form.kind == "Reshape" and len(entry["config"]["target_shape"]) == 1:
        form = Spec("Flatten")
    elif not _plain(call):
        form = form.with_settings(call=None if _plain(call["args"]) else canonical("", call["args"]))
        form = form.with_settings(**{k: canonical(k, v) for k, v in call["kwargs"].items() if not _plain(v)})
    calls = sum(step.path == path and step.is_activation == (bends is not None) for step in steps)
    form = form.with_settings(again=calls or None)
    written = str(spec(entry, "layers"))
    step = Step(form, tuple(sources), path, written, entry, call, bends is not None)
    if own is not None:
        policy = {"dtype": entry["config"]["dtype"]} if "dtype" in entry["config"] else {}
        bare = {**entry, "config": {**entry["config"], "activation": "linear"}}
        steps.append(replace(step, spec=form.with_settings(activation=None), entry=bare))
        if own != Spec("linear"):
            config = {"name": f"{path[-1]}_activation", "activation": entry["config"]["activation"], **policy}
            layer = {"module": "keras.layers", "class_name": "Activation", "config": config}
            steps.append(Step(own, ((len(steps) - 1, 0),), path, written, layer, _ON_ONE, True))
    else:
        steps.append(step)
    return len(steps) - 1


_ON_ONE: Mapping[str, Any] = {"args": [TENSOR], "kwargs": {}}


def _joined(network: Network) -> Network:
    """Make one step of rescalings in a row, such as ``x / 127.5 - 1``."""
    readers = [source for step in network.steps for source, _ in step.sources] + [at for at, _ in network.outputs]
    steps: list[Step] = []
    now: list[int] = []
    for step in network.steps:
        sources = tuple((now[at], part) for at, part in step.sources)
        before = steps[sources[0][0]] if sources else None
        if (
            before is not None
            and before.spec.kind == step.spec.kind == "Rescaling"
            and readers.count(step.sources[0][0]) == 1
            and sources[0][0] == len(steps) - 1
            and all(affine(part.entry, part.call) for part in (before, step))
        ):
            (scale, offset), (more, shift) = (affine(part.entry, part.call) or (1, 0) for part in (before, step))
            form, entry = _rescaling(scale * more, offset * more + shift, name_of(before.entry))
            steps[-1] = replace(before, spec=form, entry=entry, written=f"{before.written} + {step.written}")
        else:
            steps.append(replace(step, sources=sources))
        now.append(len(steps) - 1)
    return Network(tuple(steps), tuple((now[at], part) for at, part in network.outputs))


def _rescaling(scale: float, offset: float, name: str) -> tuple[Spec, LayerConfig]:
    config = {"name": name, "scale": scale, "offset": offset}
    entry = {"module": "keras.layers", "class_name": "Rescaling", "config": config}
    return spec(entry, "layers"), entry


def _with_input(model: Architecture) -> Architecture:
    """Return the model with an input of unknown shape where a Sequential model was given none."""
    layers = model.config["config"]["layers"]
    if model.config["class_name"] != "Sequential" or (layers and layers[0]["class_name"] == "InputLayer"):
        return model
    if not layers:
        raise NotApplicable("the model has no layers")
    config = {"name": "input_layer", "batch_shape": None}
    entry = {"module": "keras.layers", "class_name": "InputLayer", "config": config, "registered_name": None}
    inner = {**model.config["config"], "layers": [entry, *layers]}
    return Architecture({**model.config, "config": inner})


def _source(found: list[Source] | int, part: int) -> Source:
    return (found, part) if isinstance(found, int) else found[part]


def _plain(part: Any) -> bool:
    """Say whether a part of a call is nothing but inputs."""
    return set(_leaves(part)) <= {TENSOR, "None"}


def _leaves(part: Any) -> Iterator[str]:
    if isinstance(part, (Mapping, list, tuple)):
        for value in part.values() if isinstance(part, Mapping) else part:
            yield from _leaves(value)
    else:
        yield str(part)


def _emptied(part: Any) -> Any:
    """Return a part of a call with `TENSOR` for every input."""
    if isinstance(part, Mapping):
        if "keras_history" in (part.get("config") or {}):
            return TENSOR
        return {key: _emptied(value) for key, value in part.items()}
    return [_emptied(value) for value in part] if isinstance(part, (list, tuple)) else part


def _called(part: Any, references: Iterator[list[Any]]) -> Any:
    """Return a call with the next of ``references`` for every `TENSOR`."""
    if part == TENSOR:
        config = {"keras_history": next(references), "shape": [None], "dtype": "float32"}
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(part, Mapping):
        return {key: _called(value, references) for key, value in part.items()}
    return [_called(value, references) for value in part] if isinstance(part, (list, tuple)) else part
