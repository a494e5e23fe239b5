"""Checks by function that two models are one: equal weights, equal rows, equal answers."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from remedy.comparing.alignment import Aligned
from remedy.comparing.spelling import loss
from remedy.data import arrays
from remedy.recipe.live_model import Model
from remedy.recipe.recipe import Recipe
from remedy.recipe.seeds import keep_random_state

ROWS = 32
"""Rows that two models are compared on."""

TOLERANCE = 1e-4
"""Largest deviation of outputs, as a share of the largest, that rounding may bring about."""


def verify(aligned: Aligned, X: arrays.Nest | None, seed: int = 0) -> tuple[float | None, str]:
    """Give both models the same weights and compare what they answer, in inference mode.

    Args:
        aligned: Two recipes side by side. Their weights must have the same shapes, step by step or in order.
        X: Rows to answer to, or None to draw some.
        seed: Of weights and rows.

    Returns:
        The largest deviation as a share of the largest output, and on what it was measured; or None, and why it could
        not be.
    """
    import keras

    try:
        with keep_random_state():
            keras.utils.set_random_seed(seed)
            models = [_built(recipe, X) for recipe in (aligned.a, aligned.b)]
            if not _share_weights(models, aligned, seed):
                return None, "their weights have other shapes"
            rows, drawn = (_rows(models[0], seed), "random rows") if X is None else (_first(X, seed), "rows of X")
            outputs = []
            for model, logits, recipe in zip(models, aligned.logits, (aligned.a, aligned.b), strict=True):
                answer = arrays.leaves(arrays.tree_map(np.asarray, model(rows, training=False)))
                outputs.append([_probabilities(part, recipe) if logits else part for part in answer])
        if [o.shape for o in outputs[0]] != [o.shape for o in outputs[1]]:
            return None, "their answers have other shapes"
        far = max(_apart(ours, theirs) for ours, theirs in zip(*outputs, strict=True))
    except Exception as error:  # Whatever Keras says of models that cannot be built, or of rows that they do not take.
        return None, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return (far, f"{arrays.length(rows)} {drawn}") if math.isfinite(far) else (None, "the answers are not finite")


def _apart(ours: arrays.Array, theirs: arrays.Array) -> float:
    return float(np.max(np.abs(ours - theirs))) / max(1.0, float(np.max(np.abs(ours))))


def _built(recipe: Recipe, X: arrays.Nest | None) -> Model:
    """Return a model of a recipe, not compiled."""
    import keras

    with keras.saving.custom_object_scope(dict(recipe.custom_objects)):
        config = copy.deepcopy(recipe.architecture.config)
        made = recipe.factory
        model = made() if made else keras.saving.deserialize_keras_object(config, safe_mode=not recipe.trusted)
    if not model.built and X is not None:
        model(arrays.take(X, slice(0, 1)))
    return model


def _share_weights(models: Sequence[Model], aligned: Aligned, seed: int) -> bool:
    """Give both models the same weights, drawn so that no bias and no statistic stays at 0 or 1."""
    rng = np.random.default_rng(seed)

    def drawn(weight: Any) -> Any:
        whole = not np.issubdtype(weight.dtype, np.floating)
        return weight if whole else weight + 0.1 * rng.random(weight.shape).astype(weight.dtype)

    layers = [_by_path(model) for model in models]
    steps = (networks[0].steps, networks[1].steps) if (networks := aligned.networks) else ((), ())
    weighty = [{at for at, step in enumerate(own) if not step.is_activation} for own in steps]
    equal = [(i, j) for i, j in aligned.pairs.items() if i in weighty[0] and j in weighty[1]]
    if networks and len(equal) == len(weighty[0]) == len(weighty[1]):
        parts = [(layers[0].get(steps[0][i].path), layers[1].get(steps[1][j].path)) for i, j in equal]
        chosen = {id(ours): (ours, theirs) for ours, theirs in parts if ours is not None and theirs is not None}
    else:
        chosen = {0: (models[0], models[1])}
    for ours, theirs in chosen.values():
        weights = [drawn(weight) for weight in ours.get_weights()]
        if [w.shape for w in weights] != [w.shape for w in theirs.get_weights()]:
            return False
        for layer in (ours, theirs):
            layer.set_weights(weights)
            for part in (layer, *getattr(layer, "layers", ())):
                if hasattr(part, "finalize_state") and weights:
                    part.finalize_state()  # Normalization computes with values derived from its weights.
    return True


def _by_path(model: Model, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every layer by the names of the models that it stands in and its own."""
    found: dict[tuple[str, ...], Any] = {}
    for layer in model.layers:
        inner = (*path, layer.name)
        found |= _by_path(layer, inner) if getattr(layer, "layers", None) else {inner: layer}
    return found


def _rows(model: Model, seed: int) -> arrays.Nest:
    """Draw rows for every input: ids where they are looked up, else small numbers and large ones."""
    rng = np.random.default_rng(seed)
    known = [layer.input_dim for layer in _by_path(model).values() if type(layer).__name__ == "Embedding"]

    def drawn(tensor: Any) -> Any:
        shape = (ROWS, *(size or 8 for size in tensor.shape[1:]))
        if known or "int" in str(tensor.dtype):
            return rng.integers(0, min([*known, 256]), shape)
        scale = np.where(np.arange(ROWS) % 2, 1.0, 100.0).reshape(-1, *[1] * (len(shape) - 1))
        return (rng.standard_normal(shape) * scale).astype("float32")

    named = getattr(model, "input", None)
    if isinstance(named, Mapping):
        return {name: drawn(tensor) for name, tensor in named.items()}
    return drawn(model.inputs[0]) if len(model.inputs) == 1 else [drawn(tensor) for tensor in model.inputs]


def _first(X: arrays.Nest, seed: int) -> arrays.Nest:
    return arrays.take(X, arrays.spread(arrays.length(X), ROWS, seed))


def _probabilities(logits: arrays.Array, recipe: Recipe) -> arrays.Array:
    """Apply what a loss with ``from_logits`` does."""
    if str(loss(recipe.loss)).startswith("binary"):
        return np.asarray(1 / (1 + np.exp(-logits)))
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))
