"""A closer look at the layers of a live model: gradients, dead and saturated units, on a few rows.

It changes nothing: the model runs in inference mode, so no moving average and no random seed
moves, no optimizer step is taken, and what moves all the same (states, counts of metrics) is put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.rows import Rows
from remedy.evidence.model_facts import activation_of
from remedy.evidence.records import Look
from remedy.keras_internals import calls_of, every_layer, input_structure, layers_in_order, takes_training

LEAST_LOOK_ROWS, LOOK_BYTES = 16, 1 << 24
"""Of very large rows fewer are looked at, down to so many: a photo of many pixels holds many units' answers."""

LOOK_ROWS = 64
"""Rows of a look: enough to call a unit dead, few enough to cost milliseconds."""

SMALL = 65_536
"""Values of a variable that is copied at every look: counters and statistics, not weights."""

RELU_LIKE = ("relu", "relu6")
BOUNDED = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0)}
EDGE = 0.01


def look(model: Any, rows: Rows, epoch: int) -> Look:
    """Measure gradients, weights, dead and saturated units of every layer.

    Args:
        model: A compiled Keras model; of one that is not built yet nothing is measured.
        rows: Training rows; at most `LOOK_ROWS` evenly spaced ones are used.
        epoch: After how many epochs this is.
    """
    if not model.built:
        return Look(epoch)
    fixed = fixed_rows(model)
    many = max(LEAST_LOOK_ROWS, min(LOOK_ROWS, LOOK_BYTES * len(rows) // max(1, arrays.nbytes(rows.X))))
    picked = np.linspace(0, len(rows) - 1, fixed or many).astype("int64")
    some = rows.take(picked if fixed else np.unique(picked))
    kernels = _kernels(model)
    with put_back(model):
        gradients = _gradients(model, some, list(kernels.values()))
        dead, saturated = _units(model, some)
    return Look(
        epoch,
        gradients={name: _rms(g) for name, g in zip(kernels, gradients, strict=True)},
        weights={name: _rms(keras.ops.convert_to_numpy(k.value)) for name, k in kernels.items()},
        dead=dead,
        saturated=saturated,
    )


def fixed_rows(model: Any) -> int | None:
    """Return how many rows a model with a fixed batch size takes, else None."""
    shapes = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or ()]
    return next((shape[0] for shape in shapes if shape and shape[0]), None)


@contextmanager
def put_back(model: Any, whole: bool = True) -> Iterator[None]:
    """Put back what a run in inference mode moves: states and counters of layers, seeds, the metrics of several losses.

    Args:
        model: A Keras model.
        whole: False for large frozen weights and moving averages, which are not copied every epoch: no layer of
            Keras' own changes them in inference mode.
    """
    states = keras.tree.flatten([getattr(layer, "states", None) or () for layer in layers_in_order(model)])
    every = {id(v): v for v in (*model.non_trainable_variables, *_seeds(model))}.values()
    moving = [v for v in every if whole or not keras.backend.is_float_dtype(v.dtype) or _small(v)]
    moving += [*model.metrics_variables, *(v for v in states if hasattr(v, "assign"))]
    before = [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in moving]
    try:
        yield
    finally:
        for variable, value in zip(moving, before, strict=True):
            variable.assign(value)
        known = {id(variable) for variable in moving}
        for metric in model.metrics:  # Keras makes those of several losses when it first computes them.
            if any(id(variable) not in known for variable in metric.variables):
                metric.reset_state()


def _small(variable: Any) -> bool:
    return int(np.prod(variable.shape)) <= SMALL


def _seeds(model: Any) -> list[Any]:
    """Return the states of all random number generators of a model, those of cells inside recurrent layers too."""
    layers = [*layers_in_order(model), *every_layer(model)]
    found = [getattr(part, "seed_generator", None) for part in layers]
    found += [getattr(getattr(part, "cell", None), "seed_generator", None) for part in layers]
    return [generator.state for generator in found if generator is not None and hasattr(generator, "state")]


def _kernels(model: Any) -> dict[str, Any]:
    """Return the kernel of every layer that trains one; where none is called so, its largest trained matrix.

    That of a recurrent layer is what reads its input: over one step the other one gets no gradient at all.
    """
    found: dict[str, Any] = {}
    for layer in layers_in_order(model):
        own = [v for v in getattr(layer, "_trainable_variables", []) if len(v.shape) > 1 and v.trainable]
        if own:
            # Cells of recurrent layers all have the same name.
            name = next(n for n in (layer.name, *(f"{layer.name}_{i}" for i in range(1, 10_000))) if n not in found)
            kernel = getattr(layer, "kernel", None)
            largest = max(own, key=lambda v: int(np.prod(v.shape)))
            found[name] = next((v for v in own if v is kernel), largest)
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
        found, value = [], _first_value(model, X)
        for layer in model.layers:
            value = layer(value, training=False) if takes_training(layer) else layer(value)
            if layer.name in wanted and (layer is not model.layers[-1] or wanted[layer.name] in RELU_LIKE):
                found.append((layer, wanted[layer.name], value))
        return found
    if not isinstance(model, keras.Model) or not getattr(model, "outputs", None):
        return []
    ends = {id(tensor) for tensor in keras.tree.flatten(model.outputs)}
    once = [layer for layer in model.layers if layer.name in wanted and calls_of(layer) == 1]
    # A recurrent layer may return its states beside its output.
    first = [keras.tree.flatten(layer.output)[0] for layer in once]
    read = [(a, t) for a, t in zip(once, first, strict=True) if id(t) not in ends or wanted[a.name] in RELU_LIKE]
    if not read:
        return []
    reader = keras.Model(model.inputs, [tensor for _, tensor in read], name="remedy_look")
    values = keras.tree.flatten(reader(_as_inputs(model, X), training=False))
    return [(layer, wanted[layer.name], value) for (layer, _), value in zip(read, values, strict=True)]


def _config(layer: Any) -> dict[str, Any]:
    slopes = {name: getattr(layer, name, 0) for name in ("negative_slope", "threshold")}
    function = getattr(layer, "activation", None)
    if function is None:
        return slopes
    leaky = getattr(function, "negative_slope", 0) or getattr(function, "threshold", 0)
    return {"activation": "leaky_relu" if leaky else getattr(function, "__name__", type(function).__name__)}


def _first_value(model: Any, X: Any) -> Any:
    """Return the rows as Keras hands them to the first layer: in the type and rank of the model's input."""
    value = keras.ops.convert_to_tensor(arrays.leaves(X)[0])
    wanted = next(iter(getattr(model, "inputs", None) or ()), None)
    if wanted is None:
        return value
    if len(value.shape) == len(wanted.shape) - 1:
        value = keras.ops.expand_dims(value, -1)
    return keras.ops.cast(value, wanted.dtype)


def _as_inputs(model: Any, X: Any) -> list[Any]:
    """Return the arrays in the order of the model's inputs."""
    if not isinstance(X, Mapping):
        return arrays.leaves(X)
    inputs = input_structure(model)
    if isinstance(inputs, Mapping):
        return [X[key] for key in keras.tree.flatten({key: key for key in inputs})]
    return [X.get(tensor.name, part) for tensor, part in zip(model.inputs, X.values(), strict=True)]


def _rms(array: Any) -> float:
    values = np.asarray(array, dtype="float64")
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0
