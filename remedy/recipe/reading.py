"""Reads a live program, model and call of ``fit``, into the fields of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remedy.errors import ModelError
from remedy.keras_internals import compile_arguments
from remedy.recipe.architecture import Architecture
from remedy.recipe.copying import copier
from remedy.recipe.live_model import (
    Model,
    as_list,
    compiled_parts,
    first_line,
    kept_weights,
    plain,
    serialized,
    share_layers,
)
from remedy.recipe.own_callbacks import read_callbacks
from remedy.recipe.own_parts import bare_parts_spelled, live_loss, maker, own_parts, spelled_out


def program(model: Model, fit: Mapping[str, Any], build: Callable[[], Model] | None = None) -> dict[str, Any]:
    """Return the fields of a recipe that makes a model and trains it anew.

    Args:
        model: Compiled.
        fit: Keywords of ``Model.fit``.
        build: Makes a fresh model like this one, or None.

    Raises:
        ModelError: The model is not compiled, or no fresh one can be made.
    """
    import keras

    if not getattr(model, "compiled", False) or getattr(model, "optimizer", None) is None:
        raise ModelError("The model is not compiled. Call model.compile(optimizer=..., loss=...) first.")
    try:
        twin = build() if build is not None else model
    except Exception as error:
        raise ModelError(f"build() failed ({type(error).__name__}: {error}); it must return a fresh model.") from error
    if not isinstance(twin, keras.Model):
        raise ModelError(f"build() returned {type(twin).__name__} and not a Keras model.")
    parts = copier(model) if build is None and maker(model) is None else None
    again = build or maker(model) or (parts and parts[0])
    try:
        with bare_parts_spelled(twin):
            config = serialized(twin, again is not None)
        config, functions = spelled_out(config, twin)
        fields = training(model, fit)
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} cannot be serialised ({first_line(error)}). Pass remedy.fit(..., build=...), a "
            "function without arguments that returns a fresh model like it, or give it a get_config()."
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{type(model).__name__} gives no configuration to rebuild it from; pass build=.")
    architecture, live = Architecture.from_serialized(config), live_loss(model)
    if build is not None and architecture.opaque and share_layers(twin, model):  # Compiling it would be felt.
        raise ModelError("build() returned the live model, or layers of it; it must make new ones at every call.")
    fields["custom_objects"] |= functions | (parts[1] if parts else {})
    return fields | {
        "architecture": architecture,
        "factory": again if architecture.opaque else None,
        "own_loss": None if live is None else (fields["loss"], live),
        "kept_weights": kept_weights(model),
    }


def training(model: Model, fit: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say how a compiled model is trained."""
    compiled = compiled_parts(model)
    parts = {name: plain(compiled.get(name)) for name in ("metrics", "weighted_metrics", "loss_weights")}
    given = {name: plain(fit.get(name)) for name in ("batch_size", "steps_per_epoch")}
    given["class_weight"] = fit.get("class_weight")
    return (
        parts
        | given
        | {
            "optimizer": plain(compiled["optimizer"]),
            "loss": plain(compiled["loss"]),
            "jit_compile": compiled.get("jit_compile", "auto"),
            "run_eagerly": bool(compile_arguments(model).get("run_eagerly")),
            "epochs": max(1, int(fit.get("epochs", 1)) - int(fit.get("initial_epoch") or 0)),
            "shuffle": bool(fit.get("shuffle", True)),
            "callbacks": read_callbacks(as_list(fit.get("callbacks")), fit.get("validated", True)),
            "trusted": True,
            "custom_objects": own_parts(model),
        }
    )


def layers(model: Model) -> dict[str, Any]:
    """Return the fields of a model that is not compiled.

    Raises:
        ModelError: Keras cannot serialise it.
    """
    try:
        config, functions = spelled_out(serialized(model, False), model)
    except Exception as error:
        text = f"{type(model).__name__} cannot be serialised ({first_line(error)}). Give it a get_config()."
        raise ModelError(text) from error
    own = {**own_parts(model), **functions}
    return {
        "architecture": Architecture.from_serialized(config),
        "custom_objects": own,
        "kept_weights": kept_weights(model),
    }
