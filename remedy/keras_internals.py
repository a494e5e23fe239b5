"""What remedy has to know of Keras' inside: names that Keras does not promise stand here, with a way around.

Where a release moves one, `tests/test_internals.py` fails, and the way around keeps trainings going.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any


def package(module: Any) -> str:
    """Return the package of a module's name.

    A script may be called ``keras_losses.py``; its classes are the user's all the same.

    Example:
        >>> package("keras.src.losses"), package("keras_losses")
        ('keras', 'keras_losses')
    """
    return str(module or "").split(".", maxsplit=1)[0]


def is_keras(part: Any) -> bool:
    """Say whether a class, a function, or the class of an object is Keras' own.

    Args:
        part: A class, a function, or any other object.
    """
    kind = part if isinstance(part, type) or hasattr(part, "__name__") else type(part)
    return package(getattr(kind, "__module__", "")) == "keras"


def every_layer(model: Any, itself: bool = False) -> list[Any]:
    """Return every layer of a model, nested ones and cells included, in Keras' own order.

    Args:
        model: A Keras model or layer.
        itself: Whether the model comes first.
    """
    if hasattr(model, "_flatten_layers"):
        return list(model._flatten_layers(include_self=itself, recursive=True))
    return ([model] if itself else []) + list(_below(model))


def layers_by_key(model: Any) -> dict[str, Any]:
    """Return every layer by its name; where inner models repeat a name, the later ones by ``name#2``, ``name#3`` ...

    Loading a model does not advance the names that Keras counts, so a new "dense" may stand beside a loaded one. Models
    built from one configuration have their layers in one order, and so the same keys.
    """
    found: dict[str, Any] = {}
    seen: dict[str, int] = {}
    for layer in every_layer(model):
        name = str(layer.name)
        seen[name] = seen.get(name, 0) + 1
        found[name if seen[name] == 1 else f"{name}#{seen[name]}"] = layer
    return found


def _below(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _below(layer)


def own_layers(model: Any) -> list[Any]:
    """Return the layers that a model or layer holds directly, in the order in which it was given them."""
    found = getattr(model, "_layers", None)
    if found is None:
        found = getattr(model, "layers", None)
    return list(found) if isinstance(found, (list, tuple)) else []


def layers_in_order(model: Any) -> list[Any]:
    """Return every layer of a live model once, nested ones behind the layer that holds them, input side first."""
    found: dict[int, Any] = {}  # Keras' own way through them turns the order inside a nested model around.
    for layer in own_layers(model):
        found |= {id(part): part for part in (layer, *layers_in_order(layer)) if id(part) not in found}
    return list(found.values())


def compile_arguments(model: Any) -> dict[str, Any]:
    """Return what ``compile`` was given, as it was given; empty where that is not kept."""
    return dict(getattr(getattr(model, "_compile_config", None), "config", {}) or {})


def takes_training(layer: Any) -> bool:
    """Say whether calling a layer takes ``training=``."""
    return bool(getattr(layer, "_call_has_training_arg", False))


def calls_of(layer: Any) -> int:
    """Return how often a layer is called in its graph; 0 where that is not known."""
    return len(getattr(layer, "_inbound_nodes", ()))


@contextmanager
def calls_forgotten(model: Any) -> Iterator[None]:
    """Leave no trace of calls in a graph that the layers of a model are given meanwhile."""
    kept = [
        (nodes, len(nodes))
        for layer in every_layer(model, itself=True)
        for name in ("_inbound_nodes", "_outbound_nodes")
        if isinstance(nodes := getattr(layer, name, None), list)
    ]
    try:
        yield
    finally:
        for nodes, count in kept:
            del nodes[count:]


def input_structure(model: Any) -> Any:
    """Return the inputs of a functional model in the nest in which they were given."""
    return getattr(model, "_inputs_struct", model.inputs)


def running_loss(model: Any) -> Any:
    """Return the mean loss of the epoch so far, as a tensor; 0.0 where Keras keeps it elsewhere."""
    tracker = getattr(model, "_loss_tracker", None)
    return 0.0 if tracker is None else tracker.result()


@functools.cache
def functional_module() -> str:
    """Return the module in which a functional model is looked up when it is loaded."""
    try:
        from keras.src.models.functional import Functional

        return str(Functional.__module__)
    except ImportError:
        import keras

        first = keras.Input((1,))
        return str(type(keras.Model(first, first)).__module__)


@functools.cache
def operation_modules() -> tuple[str, ...]:
    """Return how the modules begin of what a functional model calls without a layer: ``x / 255.0``, an activation."""
    import keras

    both = (keras.ops.relu.__module__, keras.activations.relu.__module__)
    return tuple(module.rpartition(".")[0] + "." for module in both)


@functools.cache
def numpy_module() -> str:
    """Return the module of operations such as ``Arcsinh`` and ``NanToNum``."""
    import keras

    return str(keras.ops.arcsinh.__module__)


def random_state() -> dict[str, Any]:
    """Return the seeds that Keras keeps for the process; empty where it keeps them elsewhere."""
    try:
        from keras.src.backend.common import global_state
        from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
        from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED
    except ImportError:
        return {}
    return {name: global_state.get_global_attribute(name) for name in (GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR)}


def set_random_state(state: dict[str, Any]) -> None:
    """Put back what `random_state` returned."""
    if state:
        from keras.src.backend.common import global_state

        for name, value in state.items():
            global_state.set_global_attribute(name, value)


def seeded_state(seed: int) -> dict[str, Any]:
    """Return the state that `keras.utils.set_random_seed` leaves; empty where Keras keeps it elsewhere."""
    names = list(random_state())
    return dict(zip(names, (seed, None), strict=True)) if len(names) == 2 else {}


def tensorflow_context() -> Any:
    """Return where TensorFlow keeps its global seed (``_seed``, ``_rng``); None on other backends or where it moved."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return None
    try:
        from tensorflow.python.eager import context

        found = context.context()
        return found if hasattr(found, "_seed") and hasattr(found, "_rng") else None
    except ImportError:
        return None


def gradient_registry() -> MutableMapping[str, Any]:
    """Return TensorFlow's registry of gradients, which has no public way out; an empty one on other backends."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return {}
    try:
        from tensorflow.python.framework import ops

        found: MutableMapping[str, Any] = ops.gradient_registry._registry
        return found
    except (ImportError, AttributeError):
        return {}
