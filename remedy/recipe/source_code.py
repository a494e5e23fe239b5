"""Keras configurations spelled as the Python calls that make them, for the lines that a fix hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from remedy.keras_internals import operation_modules, package
from remedy.recipe.architecture import name_of
from remedy.recipe.own_callbacks import has_schedule
from remedy.recipe.recipe import Recipe

INSIDE = """\
def inside(model):  # its layers in order, those of inner models too
    for layer in model.layers:
        if type(layer).__name__ != 'InputLayer':
            yield layer
            yield from inside(layer) if hasattr(layer, 'layers') else ()"""

AGAIN = """\
def again(layer, changes=None):  # a fresh layer like it; Lambda layers and your own without weights, and tables, stay
    own = type(layer).__name__ == 'Lambda' or type(layer).__module__.split('.')[0] != 'keras'
    if hasattr(layer, 'get_vocabulary') or (own and not changes and not layer.weights):
        return layer
    return type(layer).from_config(layer.get_config() | (changes or {}))"""

WHOLE = """\
def whole(model):  # its layers as one graph; named inputs and outputs keep their names
    if type(model).__name__ == 'Functional':
        return keras.Model(model.input, model.output)
    return keras.Model(model.inputs, model.outputs)"""

AS_GRAPH = """\
kind = lambda a: a.dtype if a.dtype.kind in 'iu' else None
rows = keras.tree.map_structure(lambda a: keras.Input(a.shape[1:], dtype=kind(a)), X_train)
model = keras.Model(rows, model.call(rows))  # the layers of your class as one graph"""

NAMED = """\
names = {names}
assert len(names) == len(list(inside(model))), 'these lines were written for a model of {many} layers'
for layer, name in zip(inside(model), names):
    layer.name = name  # Keras numbers names on when a cell runs again
before = str(model.get_config())"""

CHANGED = "assert str(model.get_config()) != before, 'nothing was changed'"

KEEP = """\
kept = [(layer.name, layer.get_weights()) for layer in inside(model) if layer.weights and CONDITION]"""

PUT_BACK = """\
for layer in inside(model):  # a clone knows nothing: these layers get their weights back
    own = next((pair for pair in kept if pair[0] == layer.name), None)
    if own and [w.shape for w in own[1]] == [tuple(w.shape) for w in layer.weights]:
        kept.remove(own)
        layer.set_weights(own[1])
        getattr(layer, 'finalize_state', lambda: None)()"""


def with_surgery(lines: Sequence[str], recipe: Recipe) -> list[str]:
    """Return lines of a patch that rewrite layers, with what lets them find these and keep the weights that count.

    Layers are named as remedy saw them; that something was changed is asserted; frozen, adapted and loaded layers get
    their weights back.
    """
    text = "\n".join(lines)
    finds = "get_layer(" in text
    rebuilds = "model = keras.models.clone_model" in text or "again(" in text
    chooses = "in inside(model)" in text  # These lines assert by themselves that they found their layers.
    if not (finds or rebuilds or chooses) or recipe.architecture.opaque:
        return list(lines)
    names = _names(recipe)
    if not (finds or rebuilds):
        return [INSIDE, NAMED.format(names=repr(names), many=len(names)).rpartition("\n")[0], *lines]
    head = [INSIDE, NAMED.format(names=repr(names), many=len(names))]
    if "again(" in text:
        head.append(AGAIN)
    if "whole(" in text:
        head.append(WHOLE)
    if not recipe.kept_weights:
        return [*head, *lines, CHANGED]
    frozen = all(name in _frozen(recipe) for name in recipe.kept_weights)
    condition = "not layer.trainable_weights" if frozen else f"layer.name in {sorted(recipe.kept_weights)!r}"
    return [*head, KEEP.replace("CONDITION", condition), *lines, CHANGED, PUT_BACK]


def _names(recipe: Recipe) -> list[str]:
    """Return the names of the layers in order, inner models entered, inputs, operations and wrapped layers left out."""
    wrapped = {
        name_of(entry["config"]["layer"])
        for entry in recipe.architecture.layers("TimeDistributed", "Bidirectional")
        if isinstance(entry["config"].get("layer"), dict)
    }
    return [
        name_of(entry)
        for entry in recipe.architecture.layers()
        # Neither inputs nor operations such as ``x / 255.0`` are among a model's layers.
        if entry["class_name"] != "InputLayer"
        and name_of(entry) not in wrapped
        and not str(entry.get("module", "")).startswith(operation_modules())
    ]


def _frozen(recipe: Recipe) -> set[str]:
    lasting = ("Normalization", "Discretization", "TextVectorization")
    return {
        name_of(entry)
        for entry in recipe.architecture.layers()
        if not entry["config"].get("trainable", True) or entry["class_name"] in lasting
    }


def leaving_schedule_out(recipe: Recipe) -> str:
    """Return the line that takes the callback out of ``fit`` that would overrule a new rate; empty without one."""
    if not has_schedule(recipe.callbacks):
        return ""
    return (
        "fit['callbacks'] = [  # without the schedule that would overrule the new rate\n"
        "    c for c in fit.get('callbacks') or [] if not isinstance(c, keras.callbacks.LearningRateScheduler)\n"
        "]"
    )


TABLES = ("TextVectorization", "StringLookup", "IntegerLookup")
"""Layers with a vocabulary, which their configuration leaves out."""

LOADED = "# begins from the weights that the model has: load them again where it was trained since"

FRESH = "model = keras.models.clone_model(model)  # from fresh weights: these may have been trained already"

FRESH_LAYER = """\
def fresh(layer):  # like it, with new weights; tables of words and Lambda layers stay
    kept = hasattr(layer, 'get_vocabulary') or type(layer).__name__ == 'Lambda'
    return layer if kept else type(layer).from_config(layer.get_config())"""

FRESH_BUT_TABLES = f"""\
{FRESH_LAYER}
model = keras.models.clone_model(model, clone_function=fresh)  # these weights may have been trained already"""


def from_fresh_weights(lines: str, recipe: Recipe) -> str:
    """Return lines of a patch that begin with fresh weights, where the script's model may have been trained already.

    Weights that belong to the program stay, and layers that Keras cannot make again by themselves.
    """
    if recipe.traced:
        return "\n".join([AS_GRAPH, from_fresh_weights(lines, recipe.replace(traced=False))])
    if recipe.kept_weights and not recipe.architecture.opaque:
        return "\n".join([LOADED, lines])
    own = any(package(entry.get("module")) != "keras" for entry in recipe.architecture.layers())
    if recipe.architecture.opaque or own or any(recipe.architecture.layers("Lambda")):
        return lines
    fresh = FRESH_BUT_TABLES if any(recipe.architecture.layers(*TABLES)) else FRESH
    return "\n".join([fresh, lines] if "model.compile(" in lines else [fresh, lines, compile_line(recipe)])


def compile_line(recipe: Recipe, model: str = "model") -> str:
    """Return the line of Python that compiles ``model`` as the recipe does."""
    arguments = [f"optimizer={_call(recipe.optimizer)}", f"loss={_call(recipe.loss)}"]
    for name in ("loss_weights", "metrics", "weighted_metrics"):
        value = getattr(recipe, name)
        if value:
            arguments.append(f"{name}={_call(value)}")
    if recipe.run_eagerly and recipe.architecture.opaque:
        arguments.append("run_eagerly=True")
    return f"{model}.compile({', '.join(arguments)})"


def _call(value: Any) -> str:
    """Spell a Keras configuration as the call that makes it, arguments at their default left out."""
    if isinstance(value, Mapping) and "class_name" in value:
        if value["class_name"] == "function":
            name = str(value["config"])
            return repr(name) if _is_of_keras(name) else name
        return _constructor(value)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_call(part)}' for key, part in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_call(v) for v in value)}]"
    return number(value) if isinstance(value, float) else repr(value)


def number(value: float) -> str:
    """Spell a number as its author did: Keras hands 0.001 back in single precision, as 0.0010000000474974513."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return repr(float(str(single))) if float(single) == value else repr(value)


def _constructor(value: Mapping[str, Any]) -> str:
    from keras import losses, metrics, optimizers

    name = str(value["class_name"])
    homes = {"losses": losses, "metrics": metrics, "optimizers": optimizers}
    homes["optimizers.schedules"] = optimizers.schedules
    own = str(value.get("module")).removeprefix("keras.")  # Some losses and metrics have one name.
    for home, module in sorted(homes.items(), key=lambda entry: entry[0] != own):
        kind = getattr(module, name, None)
        if kind is None:
            continue
        try:
            plain = kind().get_config()
        except TypeError:
            plain = {}
        told = {k: v for k, v in value["config"].items() if k not in plain or plain[k] != v}
        told = {k: v for k, v in told.items() if k not in ("name", "dtype") or (home == "metrics" and k == "name")}
        if "learning_rate" in value["config"]:
            told["learning_rate"] = value["config"]["learning_rate"]
        return f"keras.{home}.{name}({', '.join(f'{k}={_call(v)}' for k, v in told.items())})"
    return f"{name}.from_config({dict(value['config'])!r})"


def _is_of_keras(name: str) -> bool:
    from keras import losses, metrics

    return hasattr(losses, name) or hasattr(metrics, name)
