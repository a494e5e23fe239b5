"""What the recipe says by itself: layers, heads, metrics and planned learning rates, read from configurations."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from remedy.evidence.records import LayerFacts
from remedy.keras_internals import every_layer, is_keras, layers_in_order, operation_modules
from remedy.recipe.architecture import KERNEL_LAYERS, Architecture, LayerConfig, name_of, width_key
from remedy.recipe.readers import DROPOUTS, RESHAPERS
from remedy.recipe.recipe import Recipe

log = logging.getLogger(__name__)

ACTIVATION_LAYERS = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "leaky_relu",
    "ELU": "elu",
    "Softmax": "softmax",
}
NORMALIZERS = (
    "Normalization",
    "Rescaling",
    "BatchNormalization",
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "UnitNormalization",
)
JOINS = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract", "Dot")
ATTENTION = ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention")
METRIC_BINDINGS = ("class_id", "top_k", "average", "thresholds")
PASSING = ("Dropout", "Identity", "ActivityRegularization")
"""Layers before which the head may stand: they change nothing at inference."""


def layer_facts(architecture: Architecture) -> tuple[LayerFacts, ...] | None:
    """Return every layer in order, nested models entered; None for a model that cannot be read."""
    if architecture.opaque:
        return None
    unread = {name for entry in architecture.inputs() if not architecture.consumers(name := name_of(entry))}
    wrapped = {
        name_of(entry["config"]["layer"])
        for entry in architecture.layers("TimeDistributed", "Bidirectional")
        if isinstance(entry["config"].get("layer"), dict)
    }
    doubled = {
        name_of(entry["config"]["layer"])
        for entry in architecture.layers("Bidirectional")
        if name_of(entry["config"].get("layer", entry)) in wrapped and entry["config"].get("merge_mode") == "concat"
    }
    found, in_inference = [], architecture.in_inference()
    for entry in architecture.layers():
        if isinstance(entry["config"].get("layers"), list):
            continue  # A nested model: its layers come one by one.
        if entry["class_name"] in ("TimeDistributed", "Bidirectional") and wrapped:
            continue  # So does what it wraps.
        if entry["class_name"] == "InputLayer" and name_of(entry) not in unread:
            continue
        facts = _layer(entry, name_of(entry) not in unread)
        operation = str(entry.get("module", "")).startswith(operation_modules())
        facts = replace(facts, inference=facts.name in in_inference, operation=operation)
        if entry["class_name"] == "Add":
            facts = replace(facts, branches=_branches(architecture, facts.name))
        found.append(replace(facts, units=2 * facts.units) if facts.units and facts.name in doubled else facts)
    return tuple(found)


def _branches(architecture: Architecture, name: str) -> tuple[int, ...]:
    """Return the layers with weights on both ways back from a sum of two to where they part; empty where unknown."""
    sources = architecture.sources(name)
    if len(sources) != 2:
        return ()
    ways = [list(architecture.back_from(source)) for source in sources]
    first, second = ([name_of(entry) for entry in way] for way in ways)
    parted = next((place for place in first if place in second), None)
    if parted is None:
        return ()
    before = (ways[0][: first.index(parted)], ways[1][: second.index(parted)])
    return tuple(sum(entry["class_name"] in KERNEL_LAYERS for entry in way) for way in before)


def live_layer_facts(model: Any) -> tuple[LayerFacts, ...]:
    """Return the layers of a model whose configuration cannot be read; one that was never called is unused."""
    found = []
    for layer in layers_in_order(model):
        if every_layer(layer) or not hasattr(layer, "get_config"):
            continue
        if "metrics" in type(layer).__module__.split(".") and is_keras(layer):
            continue
        try:
            entry = {"class_name": type(layer).__name__, "config": layer.get_config()}
            found.append(_layer(entry, bool(layer.built)))
        except Exception:  # A custom layer without a configuration: it cannot be described.
            log.debug("%s is not described", type(layer).__name__, exc_info=True)
            continue
    return tuple(found)


def scales_inside(model: Any) -> bool:
    """Say whether a model whose ``call`` is not read holds a layer that scales inputs; which of them is not known."""
    return any(type(layer).__name__ in ("Rescaling", "Normalization") for layer in every_layer(model))


def carried_averages(model: Any) -> frozenset[str]:
    """Return the names of the BatchNormalization layers whose averages are no longer the 0 and 1 that they begin at."""
    found = set()
    for layer in every_layer(model):
        mean, variance = (getattr(layer, name, None) for name in ("moving_mean", "moving_variance"))
        if mean is not None and variance is not None and (np.any(np.array(mean)) or np.any(np.array(variance) != 1)):
            found.add(str(layer.name))
    return frozenset(found)


def head_facts(recipe: Recipe) -> list[dict[str, Any]]:
    """Return name, units, activation and loss of every output: the fields of `OutputFacts` that the recipe gives."""
    heads = [_head(recipe.architecture, name) for name in recipe.architecture.outputs()] or [
        {"name": "output", "activation": "unknown"}
    ]
    for i, head in enumerate(heads):
        loss = recipe.loss
        if isinstance(loss, (list, tuple)):
            loss = loss[i] if i < len(loss) else None
        elif isinstance(loss, Mapping) and "class_name" not in loss:
            loss = loss.get(head["name"])
        single = recipe.replace(loss=loss)
        ignored = single.loss_options.get("ignore_class")
        head |= {"loss": single.loss_name, "from_logits": single.from_logits, "ignore_class": ignored}
    return heads


def metric_names(metrics: Any) -> tuple[str, ...]:
    """Return the compiled metrics by name, what binds them to a class or threshold in brackets."""
    if metrics is None:
        return ()
    if isinstance(metrics, str):
        return (metrics,)
    if isinstance(metrics, Mapping) and "class_name" in metrics:
        config = metrics.get("config")
        if not isinstance(config, Mapping):
            return (str(config),)
        bound = [f"{k}={config[k]}" for k in METRIC_BINDINGS if config.get(k) is not None]
        return (str(metrics["class_name"]) + (f"[{', '.join(bound)}]" if bound else ""),)
    parts = metrics.values() if isinstance(metrics, Mapping) else metrics
    return tuple(name for part in parts for name in metric_names(part))


def planned_rates(recipe: Recipe, steps: int) -> tuple[float, float, float] | None:
    """Return the learning rate at the first, the middle and the last of so many steps; None for an unknown schedule."""
    rate = recipe.descent["config"].get("learning_rate")
    if not isinstance(rate, Mapping):
        return (recipe.learning_rate,) * 3
    import keras

    try:
        with keras.saving.custom_object_scope(dict(recipe.custom_objects)):
            schedule = keras.optimizers.schedules.deserialize(copy.deepcopy(dict(rate)))
        at = (0, steps // 2, max(0, steps - 1))
        first, middle, last = (float(keras.ops.convert_to_numpy(schedule(step))) for step in at)
    except Exception:  # A schedule of the user's own that cannot be rebuilt here.
        log.debug("the planned rates are not known", exc_info=True)
        return None
    return first, middle, last


def activation_of(entry: LayerConfig) -> str | None:
    """Return the name of a layer's activation in lower case; None where it has no such setting."""
    kind, config = entry["class_name"], entry["config"]
    if kind == "ReLU" and (config.get("negative_slope") or config.get("threshold")):
        return "leaky_relu"
    if kind == "Softmax" and config.get("axis", -1) != -1:
        return "unknown"
    if kind in ACTIVATION_LAYERS:
        return ACTIVATION_LAYERS[kind]
    if "activation" not in config:
        return None
    value = config["activation"]
    if isinstance(value, Mapping):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name") or "unknown"
        value = ACTIVATION_LAYERS.get(value, value)
    return str(value).lower() if value is not None else "linear"


def _layer(entry: LayerConfig, used: bool) -> LayerFacts:
    kind, config = entry["class_name"], entry["config"]
    initializer = config.get("kernel_initializer")
    if isinstance(initializer, Mapping):
        initializer = initializer.get("class_name")
    width = width_key(entry)
    return LayerFacts(
        name=name_of(entry),
        kind=kind,
        activation=activation_of(entry),
        units=config[width] if width else None,
        rate=float(config["rate"]) if kind in DROPOUTS and config.get("rate") is not None else None,
        penalty=max((_penalty(config.get(k)) for k in ("kernel_regularizer", "recurrent_regularizer")), default=0.0),
        initializer=initializer if isinstance(initializer, str) else None,
        kernel=kind in KERNEL_LAYERS and bool(config.get("trainable", True)),
        normalizes=kind in NORMALIZERS,
        joins=kind in JOINS or kind in ATTENTION,
        shrinks=shrinks(entry),
        thins=_thins(entry),
        used=used,
        masks=bool(config.get("mask_zero")),
        frozen=not config.get("trainable", True),
    )


def shrinks(entry: LayerConfig) -> bool:
    """Say whether a layer lowers the resolution: pooling, or a stride above 1."""
    strides = entry["config"].get("strides") or 1
    return "Pooling" in entry["class_name"] or max(strides if isinstance(strides, (list, tuple)) else [strides]) > 1


def _thins(entry: LayerConfig) -> int:
    """Return by what the strides of a convolution or a pool divide the number of positions."""
    config, axes = entry["config"], entry["class_name"][-2:-1]
    strides = config.get("strides") or config.get("pool_size") or 1
    if not axes.isdigit():
        return 1
    return math.prod(strides) if isinstance(strides, (list, tuple)) else int(strides) ** int(axes)


def _penalty(regularizer: Any) -> float:
    if not isinstance(regularizer, Mapping) or not isinstance(regularizer.get("config"), Mapping):
        return 0.0
    factors = [v for k, v in regularizer["config"].items() if k in ("l1", "l2", "factor")]
    return max((float(f) for f in factors if isinstance(f, (int, float))), default=0.0)


def _head(architecture: Architecture, output: str) -> dict[str, Any]:
    """Walk back from an output to the function applied last, and to the width of what it is applied to."""
    head: dict[str, Any] = {"name": output, "activation": "unknown"}
    functions: list[str] = []
    reshaped = False  # The last axis is then no longer the width of the kernel layer.
    for outer in architecture.back_from(output):
        entry = outer
        if outer["class_name"] == "TimeDistributed" and isinstance(outer["config"].get("layer"), dict):
            entry = outer["config"]["layer"]
        kind, function = entry["class_name"], activation_of(entry)
        if kind in KERNEL_LAYERS:
            names = [f for f in (*functions, function) if f not in (None, "linear")]
            width = width_key(entry)
            known = width and kind != "Bidirectional" and not reshaped
            return head | {
                "activation": names[0] if names else "linear",
                "before": names[1] if len(names) > 1 else None,
                "units": entry["config"][width] if known else None,
            }
        reshaped = reshaped or kind in RESHAPERS
        if kind == "Activation" or kind in ACTIVATION_LAYERS:
            functions.append(str(function))
        elif kind not in (*PASSING, *RESHAPERS):
            return head | {"activation": functions[0] if functions else kind.lower()}
    return head
