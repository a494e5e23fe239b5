"""A copy of a model whose class needs arguments: its parts are made anew and put where they were.

Keras does not keep what the ``__init__`` of a subclassed model was called with. But what it left behind says as much:
layers in attributes, lists and dicts. A layer of Keras' is made from its configuration, one of the user's own from its
attributes in turn. Whether such a copy is the model is asked afterwards, by `remedy.recipe.round_trip`.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remedy.errors import ModelError
from remedy.keras_internals import is_keras
from remedy.recipe.own_parts import bare_parts_spelled, has_own_config, part_kinds, spelled_out

CARRIED = ("activity_regularizer", "_supports_masking", "autocast")
"""What Keras keeps of an ``__init__`` beside name, type of numbers and whether the weights are trained."""


@dataclass(frozen=True, eq=False)
class Spelled:
    """A part that Keras makes from its configuration."""

    config: Any


@dataclass(frozen=True, eq=False)
class Rebuilt:
    """A layer or model of the user's own: what Keras' ``__init__`` is given, and the attributes beside."""

    kind: type
    settings: Mapping[str, Any]
    attributes: dict[str, Any]

    def __call__(self) -> Any:
        """Return a fresh one with fresh layers; its weights come with its first rows.

        Raises:
            ModelError: It cannot be put together.
        """
        try:
            return _made(self, {})
        except Exception as error:  # A setter of the user's own, or a configuration that Keras does not read.
            raise ModelError(f"{self.kind.__name__} cannot be put together again: {error}") from error


@dataclass(frozen=True, eq=False)
class Method:
    """A method of a part, kept as an attribute."""

    owner: Rebuilt
    function: Any


class _NoCopyError(Exception):
    """A part cannot be made anew."""


def copier(model: Any) -> tuple[Rebuilt, dict[str, Any]] | None:
    """Return what makes a fresh model like this one, and its functions by the names that configurations know them by.

    None for a model of Keras' own classes, for one that says by its ``get_config`` how it is made, and where a part
    cannot be made anew: weights that ``__init__`` adds by itself, layers inside of functions and other objects.

    Args:
        model: Built; it is left as it was.

    Example:
        >>> make, functions = copier(Mine(width=24))
        >>> fresh = make()
    """
    if is_keras(type(model)) or has_own_config(type(model)):
        return None
    reader = _Reader(model)
    try:
        return reader.rebuilt(model), reader.functions
    except _NoCopyError:
        return None


class _Reader:
    """Reads one model; what stands in two places is read once."""

    def __init__(self, model: Any) -> None:
        self.functions: dict[str, Any] = {}
        self._model = model
        self._seen: dict[int, Any] = {}

    def rebuilt(self, layer: Any) -> Rebuilt:
        import keras

        kind = type(layer)
        settings = {"name": layer.name, "trainable": layer.trainable, "dtype": layer.dtype_policy.name}
        found = self._seen[id(layer)] = Rebuilt(kind, settings, {})
        for name, value in vars(layer).items():
            of_keras = name in _names_of_keras(isinstance(layer, keras.Model)) or name.startswith("_self_")
            if of_keras and name not in CARRIED:
                continue
            if isinstance(value, keras.Variable) and kind.build not in (keras.Layer.build, keras.Model.build):
                continue  # Its build() adds it again.
            found.attributes[name] = self._part(value)
        return found

    def _part(self, value: Any) -> Any:
        import keras

        if id(value) in self._seen:
            return self._seen[id(value)]
        own = not is_keras(type(value)) and not has_own_config(type(value))
        if isinstance(value, keras.Layer) and own:
            return self.rebuilt(value)
        if isinstance(value, part_kinds()) and not own:
            return self._spelled(value)
        if isinstance(value, (keras.metrics.Metric, keras.optimizers.Optimizer)):
            raise _NoCopyError(type(value).__name__)  # It has a state, and its configuration may lack its settings.
        if isinstance(value, Mapping):
            return {key: self._part(inner) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            parts = [self._part(inner) for inner in value]
            if hasattr(value, "_fields"):
                return value.__class__(*parts)  # TensorFlow keeps a tuple in a wrapper of its own.
            return tuple(parts) if isinstance(value, tuple) else parts
        if isinstance(value, types.MethodType) and id(value.__self__) in self._seen:
            return Method(self._seen[id(value.__self__)], value.__func__)
        if any(isinstance(part, keras.Layer) or hasattr(part, "assign") for part in (value, *_inside(value))):
            raise _NoCopyError(type(value).__name__)  # The copy would hold parts of the model itself.
        return value

    def _spelled(self, value: Any) -> Spelled:
        import keras

        try:
            with bare_parts_spelled(self._model):
                config = keras.saving.serialize_keras_object(value)
            config, functions = spelled_out(config, self._model)
        except Exception as error:  # A part of the user's own that has no configuration.
            raise _NoCopyError(type(value).__name__) from error
        self.functions |= functions
        if not isinstance(value, keras.Model):
            config.pop("build_config", None)  # Its owner may build it, which works once.
        found = self._seen[id(value)] = Spelled(config)
        return found


def _inside(value: Any) -> list[Any]:
    """Return what an object, a function or a method keeps."""
    if isinstance(value, (type, types.ModuleType)):
        return []
    cells = [cell.cell_contents for cell in getattr(value, "__closure__", None) or () if _is_filled(cell)]
    given = [value.func, *value.args, *value.keywords.values()] if isinstance(value, functools.partial) else []
    inside = [*getattr(value, "__dict__", {}).values(), *cells, *given]
    return [*inside, *(getattr(part, "__self__", None) for part in (value, *inside))]


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


@functools.cache
def _names_of_keras(is_model: bool) -> frozenset[str]:
    """Return the attributes that Keras keeps on a layer or model for itself."""
    import keras

    class Bare(keras.Model if is_model else keras.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    bare = Bare()
    if is_model:
        bare.compile("sgd", "mse")
    return frozenset(vars(bare)) | {"history", "_epoch_iterator", "_compiled_trainable_state"}


def _made(part: Any, done: dict[int, Any]) -> Any:
    """Return a part anew; what stood in two places is made once."""
    import copy

    import keras

    if id(part) in done:
        return done[id(part)]
    if isinstance(part, Spelled):
        done[id(part)] = keras.saving.deserialize_keras_object(copy.deepcopy(part.config), safe_mode=False)
        return done[id(part)]
    if isinstance(part, Method):
        return types.MethodType(part.function, _made(part.owner, done))
    if isinstance(part, dict):
        return {key: _made(inner, done) for key, inner in part.items()}
    if isinstance(part, (list, tuple)):
        inside = [_made(inner, done) for inner in part]
        return type(part)(*inside) if hasattr(part, "_fields") else type(part)(inside)
    if not isinstance(part, Rebuilt):
        return part
    base = keras.Model if issubclass(part.kind, keras.Model) else keras.Layer
    layer: Any = base.__new__(part.kind)  # Wraps build() and others.
    done[id(part)] = layer
    base.__init__(layer, **part.settings)
    for name, inner in part.attributes.items():
        setattr(layer, name, _made(inner, done))
    return layer
