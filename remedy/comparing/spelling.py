"""Normal forms: what a layer, an activation, a loss or an optimizer is, however it was spelt.

Names, seeds and spelt defaults go; strings, functions and objects of one thing get one form. The forms are read from
Keras' configurations, so those of a live model and those of a logged recipe are the same.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remedy.keras_internals import operation_modules, package
from remedy.recipe.architecture import KERNEL_LAYERS, LayerConfig

UNREAD = frozenset({"name", "seed", "build_config", "registered_name", "input_axes", "output_axes"})
"""Settings that name things, or that are luck."""

FIRST = ("units", "filters", "kernel_size", "rate", "pool_size", "target_shape", "scale", "learning_rate")
"""Settings that everybody writes without their name."""

ACTIVATION_LAYERS = frozenset({"Activation", "ReLU", "LeakyReLU", "ELU", "Softmax"})

METRIC_ALIASES = {"acc": "accuracy", "ce": "crossentropy"}


@dataclass(frozen=True)
class Spec:
    """A part in its normal form: its kind, and the settings that are not Keras' defaults, by name."""

    kind: str
    settings: tuple[tuple[str, Any], ...] = ()

    def get(self, name: str) -> Any:
        """Return a setting, or None where it is Keras' default."""
        return dict(self.settings).get(name)

    def with_settings(self, **changes: Any) -> Spec:
        """Return a copy with settings changed; None takes one out."""
        changed = {**dict(self.settings), **changes}
        return Spec(self.kind, tuple(sorted((k, v) for k, v in changed.items() if v is not None)))

    def __str__(self) -> str:
        """Spell it as a call: ``Conv2D(32, kernel_size=(3, 3))``; a function by its name alone."""
        if not self.settings and self.kind.islower():
            return self.kind
        known = dict(self.settings)
        first = ("activation",) if self.kind == "Activation" else FIRST
        parts = [text(known.pop(key), key) for key in first if key in known]
        return f"{self.kind}({', '.join([*parts, *(f'{k}={text(v)}' for k, v in known.items())])})"


def spec(entry: Mapping[str, Any], home: str) -> Spec:
    """Return the normal form of ``{"class_name", "config"}``.

    Args:
        entry: As Keras serialises a layer, an optimizer, an initializer ...
        home: Keras' module of such parts: "layers", "optimizers" ...
    """
    kind, config = str(entry["class_name"]), entry.get("config")
    if kind == "__lambda__":
        return Spec("lambda", (("code", hashlib.blake2b(str(config).encode(), digest_size=4).hexdigest()),))
    if not isinstance(config, Mapping):
        return Spec(str(config))  # A function.
    defaults, settings = _defaults(kind, home), {}
    for key, value in config.items():
        if key in UNREAD:
            continue
        found = canonical(key, value)
        if found is not None and found != (canonical(key, defaults[key]) if key in defaults else None):
            settings[key] = found
    if "Pooling" in kind and settings.get("strides", 0) == canonical("", config.get("pool_size")):
        del settings["strides"]  # What Keras takes where none are given.
    if settings.get("trainable") is False and not _has_weights(entry):
        del settings["trainable"]
    if isinstance(back := settings.get("backward_layer"), Spec):
        there, here = (part.with_settings(go_backwards=None) for part in (settings["layer"], back))
        settings["backward_layer"] = None if here == there else back  # Keras makes it from the other.
    return Spec(kind).with_settings(**settings)


def canonical(key: str, value: Any) -> Any:
    """Return the normal form of a setting: hashable, numbers to six digits (a float32 holds seven)."""
    import keras

    if key == "dtype":
        name = value["config"].get("name") if isinstance(value, Mapping) else value
        return None if name == keras.config.dtype_policy().name else name
    if key == "data_format" and value in (None, keras.config.image_data_format()):
        return None
    if key.endswith("activation"):
        return activation(value)
    for home in ("initializers", "regularizers", "constraints"):
        if key.endswith(home[:-1]) and isinstance(value, str):
            module = getattr(keras, home)
            try:
                value = module.serialize(module.get(value))
            except (ValueError, TypeError):  # A name of the user's own.
                return value
        if key.endswith(home[:-1]) and isinstance(value, Mapping):
            return spec(value, home)
    if isinstance(value, Mapping):
        if "class_name" in value:
            return spec(value, "layers")
        return tuple(sorted((str(k), canonical(str(k), v)) for k, v in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(canonical("", part) for part in value)
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)


def activation(value: Any) -> Spec:
    """Return the normal form of an activation: a name, a serialised function, or a serialised layer."""
    import keras

    if value is None:
        return Spec("linear")
    if isinstance(value, Mapping):
        if isinstance(value.get("config"), Mapping):
            return activation_of(value) or spec(value, "layers")
        value = value.get("config")
    try:
        name = str(keras.activations.get(str(value)).__name__)
    except ValueError:  # A function of the user's own.
        return Spec(str(value))
    return {"relu6": _relu(0.0, 6.0), "leaky_relu": _relu(0.2)}.get(name, Spec(name))


def activation_of(entry: Mapping[str, Any]) -> Spec | None:
    """Return the activation that a layer or an operation is and nothing else; None for all others."""
    kind, config = entry["class_name"], entry["config"]
    if kind == "Activation":
        return activation(config["activation"])
    if kind == "ReLU":
        return _relu(config.get("negative_slope"), config.get("max_value"), config.get("threshold"))
    if kind in ("LeakyReLU", "LeakyRelu"):
        default = 0.3 if kind == "LeakyReLU" else 0.2
        return _relu(config.get("negative_slope", config.get("alpha", default)))
    if kind in ("ELU", "Elu"):
        alpha = config.get("alpha", 1.0)
        return Spec("elu", () if alpha == 1 else (("alpha", canonical("", alpha)),))
    if kind == "Softmax":
        axis = config.get("axis", -1)
        return Spec("softmax", () if axis == -1 else (("axis", canonical("", axis)),))
    if is_operation(entry) and not set(config) - {"name"}:
        found = activation(snake(kind))
        return found if found.kind in _known_activations() else None
    return None


def is_operation(entry: Mapping[str, Any]) -> bool:
    """Say whether an entry of a functional model is an operation and no layer."""
    return str(entry.get("module", "")).startswith(operation_modules())


def affine(entry: LayerConfig, call: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return scale and offset where an entry does nothing but ``scale * x + offset``, with one number for all entries.

    Args:
        entry: Of a layer or an operation.
        call: ``{"args", "kwargs"}`` of an operation.
    """
    kind, config = entry["class_name"], entry["config"]
    if kind == "Rescaling":
        numbers = (config.get("scale"), config.get("offset", 0.0))
        return numbers if all(_is_number(n) for n in numbers) else None
    args = call.get("args", ())
    numbers_given = [arg for arg in args if _is_number(arg)]
    if not is_operation(entry) or len(args) != 2 or len(numbers_given) != 1:
        return None
    number, behind = float(numbers_given[0]), _is_number(args[1])
    if kind in ("TrueDivide", "Divide") and behind and number:
        return 1 / number, 0.0
    if kind == "Subtract":
        return (1.0, -number) if behind else (-1.0, number)
    return {"Multiply": (number, 0.0), "Add": (1.0, number)}.get(kind)


def has_own_activation(entry: LayerConfig) -> bool:
    """Say whether a layer applies its activation to its output and nowhere else, as recurrent layers do not."""
    kernel = entry["class_name"] in KERNEL_LAYERS and "recurrent_activation" not in entry["config"]
    return kernel and entry["class_name"] not in ("SimpleRNN", "Bidirectional") and "activation" in entry["config"]


def loss(value: Any) -> Any:
    """Return the normal form of a loss, or of several: by the name of its function.

    ``from_logits`` is left out (it belongs to the head), and so is whether labels come as ids or as one-hot rows.
    """
    if value is None:
        return None
    if isinstance(value, (list, tuple)):
        return tuple(loss(part) for part in value)
    if isinstance(value, Mapping) and "class_name" not in value:
        return tuple(sorted((str(name), loss(part)) for name, part in value.items()))
    found = Spec(value) if isinstance(value, str) else spec(value, "losses")
    name = _function_name(found.kind)
    if name == "sparse_categorical_crossentropy":
        name = "categorical_crossentropy"
    return Spec(name, found.settings).with_settings(from_logits=None)


def optimizer(config: Mapping[str, Any]) -> tuple[Spec, Any]:
    """Return the normal forms of an optimizer without its learning rate, and of that rate or schedule."""
    found = spec(config, "optimizers")
    rate = config["config"].get("learning_rate", _defaults(found.kind, "optimizers").get("learning_rate"))
    if isinstance(rate, Mapping):
        return found.with_settings(learning_rate=None), spec(rate, "optimizers.schedules")
    return found.with_settings(learning_rate=None), canonical("", float(rate))


def metrics(value: Any) -> tuple[Any, ...]:
    """Return the normal forms of metrics, in order."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (Spec(snake(_function_name(METRIC_ALIASES.get(value, value)))),)
    if isinstance(value, Mapping) and "class_name" in value:
        found = spec(value, "metrics")
        return (Spec(snake(found.kind), found.settings),)
    parts = value.values() if isinstance(value, Mapping) else value
    return tuple(found for part in parts for found in metrics(part))


def snake(name: str) -> str:
    """Return a class name in snake case: ``KLDivergence`` gives ``kl_divergence``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _function_name(kind: str) -> str:
    """Return the name of Keras' function of a loss by any of its names, such as "mse"; the user's own stay."""
    import keras

    try:
        return str(keras.losses.get(snake(kind)).__name__)
    except (ValueError, AttributeError):
        return kind


def _relu(slope: Any = 0.0, ceiling: Any = None, threshold: Any = 0.0) -> Spec:
    settings = {"max_value": ceiling, "negative_slope": slope or None, "threshold": threshold or None}
    return Spec("leaky_relu" if slope else "relu").with_settings(**{k: canonical("", v) for k, v in settings.items()})


def _known_activations() -> frozenset[str]:
    import keras

    return frozenset(dir(keras.activations)) | {"relu"}


def _defaults(kind: str, home: str) -> dict[str, Any]:
    """Return the defaults of the parameters of one of Keras' classes; of a layer's base alone for any other."""
    import keras

    module: Any = keras
    for part in home.split("."):
        module = getattr(module, part)
    known: dict[str, Any] = {"trainable": True, "zero_output_for_mask": False} if home == "layers" else {}
    cls = getattr(module, kind, None)
    if not inspect.isclass(cls):
        return known
    found = inspect.signature(cls.__init__).parameters.values()
    return known | {p.name: p.default for p in found if p.default is not p.empty}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def text(value: Any, name: str = "") -> str:
    """Spell a normal form, or a setting in it; a scale such as 1/255 as a fraction."""
    if isinstance(value, Spec):
        return str(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(text, value))}{',' if len(value) == 1 else ''})"
    if name == "scale" and isinstance(value, float) and 0 < value < 1 and abs(1 / value - round(1 / value, 1)) < 1e-3:
        return f"1/{round(1 / value, 1):g}"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _has_weights(entry: Mapping[str, Any]) -> bool:
    """Say whether a layer may have weights to train: initial values, a layer within, or a class of the user's own."""
    own = package(entry.get("module", "keras")) != "keras"
    return own or any(key.endswith("initializer") or key in ("layer", "cell", "cells") for key in entry["config"])


def usual_call(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of a layer's call, which Keras writes into a functional model; None for the user's own."""
    import keras

    call = getattr(getattr(keras.layers, entry["class_name"], None), "call", None)
    if call is None:
        return {"training": None}
    return {p.name: p.default for p in inspect.signature(call).parameters.values() if p.default is not p.empty}
