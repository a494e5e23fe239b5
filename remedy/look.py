"""A closer look at the layers of a live model: gradients, dead and saturated units, on a few rows.

It changes nothing: the model runs in inference mode, so no moving average and no random seed
moves, and no optimizer step is taken.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from remedy import arrays
from remedy.dataset import Rows
from remedy.measured import Look
from remedy.model_facts import activation_of

LOOK_ROWS = 64
"""Rows of a look: enough to call a unit dead, few enough to cost milliseconds."""

RELU_LIKE = ("relu", "relu6")
BOUNDED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)}
EDGE = 0.01


def look(model: Any, rows: Rows, epoch: int) -> Look:
    """Measure gradients, weights, dead and saturated units of every layer.

    Args:
        model: A compiled, built Keras model.
        rows: Training rows; `LOOK_ROWS` evenly spaced ones are used.
        epoch: After how many epochs this is.
    """
    some = rows.take(np.unique(np.linspace(0, len(rows) - 1, LOOK_ROWS).astype("int64")))
    kernels = _kernels(model)
    gradients = _gradients(model, some, list(kernels.values()))
    dead, saturated = _units(model, some)
    return Look(
        epoch,
        gradients={name: _rms(g) for name, g in zip(kernels, gradients, strict=True)},
        weights={name: _rms(keras.ops.convert_to_numpy(k.value)) for name, k in kernels.items()},
        dead=dead,
        saturated=saturated,
    )


def _kernels(model: Any) -> dict[str, Any]:
    """Return the largest trainable variable of every layer that has one of two or more dimensions."""
    found = {}
    for layer in model._flatten_layers(include_self=False):
        own = [v for v in getattr(layer, "_trainable_variables", []) if len(v.shape) > 1]
        if own and layer.name not in found:
            found[layer.name] = max(own, key=lambda v: int(np.prod(v.shape)))
    return found


def _gradients(model: Any, rows: Rows, variables: list[Any]) -> list[Any]:
    """Return the gradient of the training loss by each variable, as NumPy arrays."""
    backend = keras.backend.backend()
    X, y = arrays.tree_map(keras.ops.convert_to_tensor, rows.X), arrays.tree_map(keras.ops.convert_to_tensor, rows.y)

    def cost() -> Any:
        return model.compute_loss(x=X, y=y, y_pred=model(X, training=False), training=False)

    found: Any
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = cost()
        found = tape.gradient(loss, [v.value for v in variables])
    elif backend == "torch":
        import torch

        with torch.enable_grad():
            found = torch.autograd.grad(cost(), [v.value for v in variables], allow_unused=True)
    elif backend == "jax":
        import jax

        def stateless(values: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
                return cost()

        found = jax.grad(stateless)([v.value for v in variables])
    else:
        found = [None] * len(variables)
    return [np.zeros(1) if g is None else np.asarray(keras.ops.convert_to_numpy(g)) for g in found]


def _units(model: Any, rows: Rows) -> tuple[dict[str, float], dict[str, float]]:
    """Return the share of dead units and of saturated activations, by hidden layer."""
    dead: dict[str, float] = {}
    saturated: dict[str, float] = {}
    for layer, function, value in _activations(model, rows.X):
        array = np.asarray(keras.ops.convert_to_numpy(value))
        flat = array.reshape(-1, array.shape[-1])
        if function in RELU_LIKE:
            dead[layer.name] = float(np.mean(~(np.nan_to_num(flat) > 0).any(axis=0)))
        else:
            low, high = BOUNDED[function]
            margin = EDGE * (high - low)
            saturated[layer.name] = float(np.mean((flat < low + margin) | (flat > high - margin)))
    return dead, saturated


def _activations(model: Any, X: Any) -> list[tuple[Any, str, Any]]:
    """Return ``(layer, its activation, its output)`` for layers that can die, and hidden ones that can saturate."""
    wanted = {}
    for layer in model.layers:
        function = activation_of({"class_name": type(layer).__name__, "config": _config(layer)})
        if function in (*RELU_LIKE, *BOUNDED):
            wanted[layer.name] = function
    if type(model).__name__ == "Sequential":
        found, value = [], keras.ops.convert_to_tensor(X)
        for layer in model.layers:
            value = layer(value, training=False) if layer._call_has_training_arg else layer(value)
            if layer.name in wanted and (layer is not model.layers[-1] or wanted[layer.name] in RELU_LIKE):
                found.append((layer, wanted[layer.name], value))
        return found
    if not isinstance(model, keras.Model) or not getattr(model, "outputs", None):
        return []
    ends = {id(tensor) for tensor in keras.tree.flatten(model.outputs)}
    once = [layer for layer in model.layers if layer.name in wanted and len(layer._inbound_nodes) == 1]
    once = [layer for layer in once if id(layer.output) not in ends or wanted[layer.name] in RELU_LIKE]
    if not once:
        return []
    reader = keras.Model(model.inputs, [layer.output for layer in once], name="remedy_look")
    values = keras.tree.flatten(reader(_as_inputs(model, X), training=False))
    return [(layer, wanted[layer.name], value) for layer, value in zip(once, values, strict=True)]


def _config(layer: Any) -> dict[str, Any]:
    function = getattr(layer, "activation", None)
    return {} if function is None else {"activation": getattr(function, "__name__", type(function).__name__)}


def _as_inputs(model: Any, X: Any) -> Any:
    if isinstance(X, dict) and not isinstance(model._inputs_struct, dict):
        return [X.get(tensor.name, part) for tensor, part in zip(model.inputs, X.values(), strict=True)]
    return X


def _rms(array: Any) -> float:
    values = np.asarray(array, dtype="float64")
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0
