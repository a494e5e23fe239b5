"""The user's own parts of a program: classes and functions by name, functions of Lambda layers, adapted vocabularies.

Keras spells a program as a configuration that names such parts. The copy that trials train must find them under these
names, with the globals that they use, registered or not, in this process and in workers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from remedy.keras_internals import compile_arguments, every_layer, is_keras, package

FOREIGN = ("keras", "tensorflow", "numpy", "builtins", "optree", "jax", "torch", "ml_dtypes")
"""Packages whose parts Keras finds by itself, or that are no parts of a program."""


def own_parts(model: Any) -> dict[str, Any]:
    """Return the user's own classes and functions that a compiled model uses, by plain and by registered name."""
    import keras

    found: dict[str, Any] = {}
    compiled = compile_arguments(model)
    roots = [model, getattr(model, "optimizer", None), *compiled.values(), *every_layer(model, itself=True)]
    for part in _parts(roots):
        kind = part if isinstance(part, type) or hasattr(part, "__name__") else type(part)
        if _is_own(kind):
            found[kind.__name__] = kind
            found[keras.saving.get_registered_name(kind)] = kind
    return found


@functools.cache
def part_kinds() -> tuple[type, ...]:
    """Return the classes of Keras' that a program is made of beside its layers, and the layer itself."""
    import keras

    return (
        keras.Layer,
        keras.initializers.Initializer,
        keras.regularizers.Regularizer,
        keras.constraints.Constraint,
        keras.losses.Loss,
        keras.metrics.Metric,
        keras.optimizers.Optimizer,
        keras.optimizers.schedules.LearningRateSchedule,
        keras.random.SeedGenerator,
    )


def has_own_config(kind: type) -> bool:
    """Say whether a class says by a ``get_config`` of the user's own how it is made."""
    return any("get_config" in vars(base) for base in kind.__mro__ if not is_keras(base))


def _parts(roots: Any, depth: int = 3) -> Iterator[Any]:
    """Yield what may be a part of a program: functions and Keras' objects, those inside of others too."""
    kinds = part_kinds()
    seen: set[int] = set()
    waiting = [(root, 0) for root in roots]
    while waiting:
        value, level = waiting.pop()
        if value is None or isinstance(value, (str, int, float, bool)) or id(value) in seen:
            continue
        seen.add(id(value))
        inside: Any = ()
        if isinstance(value, Mapping):
            inside = value.values()
        elif isinstance(value, (list, tuple)):
            inside = value if len(value) < 1000 else ()
        elif isinstance(value, kinds):
            yield value
            inside = vars(value).values()
        elif callable(value) and hasattr(value, "__name__"):
            method = getattr(value, "__wrapped__", value)  # Keras keeps a layer's build() wrapped, on the layer.
            if not isinstance(getattr(method, "__self__", None), kinds):  # A method of the live model is no part.
                yield value
        if level < depth:
            waiting += [(part, level + 1) for part in inside]


def _is_own(kind: Any) -> bool:
    # Lambdas have no name to go by.
    named = "<" not in getattr(kind, "__name__", "<")
    return named and package(getattr(kind, "__module__", "")) not in FOREIGN


def spelled_out(config: Any, model: Any) -> tuple[Any, dict[str, Any]]:
    """Return a model's configuration with what it leaves out: adapted vocabularies, and functions by name.

    Python functions of Lambda layers are kept as bytes there, without the globals that they use. Each is given a name
    instead, under which the live function is found.

    Args:
        config: As Keras serialises the model; changed in place.
        model: The live model.

    Returns:
        The configuration, and the live functions by these names.
    """
    layers = {str(layer.name): layer for layer in every_layer(model)}
    functions: dict[str, Any] = {}
    for entry in _entries(config):
        layer = layers.get(str(entry["config"].get("name", entry.get("name"))))
        if layer is None:
            continue
        inner = entry["config"]
        if _is_own(type(layer)):
            _without_strangers(inner, type(layer))
        if "vocabulary" in inner and inner["vocabulary"] is None and hasattr(layer, "get_vocabulary"):
            words = layer.get_vocabulary(include_special_tokens=False)
            inner["vocabulary"] = [word.item() if hasattr(word, "item") else word for word in words] or None
        for key, value in inner.items():
            if not isinstance(value, dict):
                continue
            live = getattr(layer, key, getattr(layer, f"_{key}", None))
            bytecode = value.get("class_name") == "__lambda__" and callable(live)
            if bytecode or (_is_bare(live) and value.get("class_name") == type(live).__name__):
                functions[f"{layer.name}_{key}"] = live
                inner[key] = _named(f"{layer.name}_{key}")
    return config, functions


def _named(name: str) -> dict[str, Any]:
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def _without_strangers(config: dict[str, Any], kind: type) -> None:
    """Take out what Keras adds to the configuration of a layer whose ``__init__`` takes no such argument."""
    parameters = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
    if "get_config" in vars(kind) or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for name in [name for name in config if name not in parameters]:
        del config[name]


def _is_bare(part: Any) -> bool:
    """Say whether a part is an object of the user's own that does not say how it is made."""
    import keras

    kinds = (keras.initializers.Initializer, keras.regularizers.Regularizer, keras.constraints.Constraint)
    return isinstance(part, kinds) and _is_own(type(part)) and "get_config" not in vars(type(part))


@contextmanager
def bare_parts_spelled(model: Any) -> Iterator[None]:
    """Let Keras spell initializers, regularizers and constraints that have no ``get_config`` of their own."""
    kinds = {type(part) for part in _parts(every_layer(model, itself=True)) if _is_bare(part)}
    for kind in kinds:
        kind.get_config = lambda self: {}
    try:
        yield
    finally:
        for kind in kinds:
            del kind.get_config


def _entries(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        if "class_name" in part and isinstance(part.get("config"), dict):
            yield part
        for value in part.values():
            yield from _entries(value)
    elif isinstance(part, list):
        for value in part:
            yield from _entries(value)


def live_loss(model: Any) -> Any:
    """Return the user's own loss as it stands, an object or a function; None where Keras can spell it.

    What a class leaves out of ``get_config`` would silently come back at its default.
    """
    loss = getattr(model, "loss", None)
    if loss is None or isinstance(loss, (str, list, tuple, dict)):
        return None
    return None if is_keras(loss) else loss


def maker(model: Any) -> Any:
    """Return the class of a subclassed model where calling it without arguments makes a fresh one; else None."""
    kind = type(model)
    if is_keras(kind):
        return None
    try:
        parameters = list(inspect.signature(kind.__init__).parameters.values())[1:]
    except (TypeError, ValueError):
        return None
    open_ended = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return kind if all(p.kind in open_ended for p in parameters) else None
