"""The weights that a model has when ``fit`` is called: fresh ones are chance, loaded or trained ones are the program.

Which is which is told by comparing them with a fresh build of the same model. What begins alike in every build (biases,
scales) must be alike; what is drawn must look drawn from the same distribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.data.arrays import Array
from remedy.keras_internals import layers_by_key, layers_in_order
from remedy.recipe.architecture import name_of
from remedy.recipe.recipe import Recipe

Weights = Mapping[str, list[Array]]
"""Weights by layer name, as ``layer.get_weights()`` gives them."""

MOST_BYTES = 1 << 29
"""More weights that are trained are not copied: what was loaded cannot be told from fresh ones then, and no remedy is
searched."""

ADAPTED = ("Normalization", "Discretization", "TextVectorization", "StringLookup", "IntegerLookup", "Hashing")
"""Layers whose weights come from data by ``adapt``, and not from training."""

FORM = ("units", "filters", "kernel_size", "strides")
"""What a layer is built with that its weights have to fit, and the features behind them."""

COMPARED, UNLIKE = 5000, 1e-6
"""Values of a weight that are compared, and the probability below which two samples are called unlike."""


def snapshot(model: Any) -> Weights | None:
    """Return a copy of the weights of every layer that may be trained and has some yet; None where they are too many.

    A model may hold loaded layers and not be built itself: a stream tells its shapes later.
    """
    trained = {
        key: layer
        for key, layer in layers_by_key(model).items()
        if layer.built and layer.trainable_weights and not _nests(layer)
    }
    if sum(int(np.prod(w.shape)) for layer in trained.values() for w in layer.weights) * 4 > MOST_BYTES:
        return None
    return {key: [np.array(w, copy=True) for w in layer.get_weights()] for key, layer in trained.items()}


def loaded(start: Weights, fresh: Any, again: Any) -> dict[str, list[Array]]:
    """Return the weights of the layers that did not begin as fresh ones do, and of all that stand before them.

    Args:
        start: Of the user's model, by `snapshot`.
        fresh, again: Two models built anew from different seeds.
    """
    one, two = snapshot(fresh) or {}, snapshot(again) or {}
    keys = {id(layer): key for key, layer in layers_by_key(fresh).items()}
    order = [keys[id(layer)] for layer in layers_in_order(fresh) if id(layer) in keys]
    known = [name for name in dict.fromkeys(order) if name in start and name in one and name in two]
    unlike = [i for i, name in enumerate(known) if not _fresh(start[name], one[name], two[name])]
    # A kernel of few values, little changed since, still looks drawn. But what is fresh stands behind what was loaded.
    return {name: list(start[name]) for name in known[: max(unlike, default=-1) + 1]}


def pretrained(recipe: Recipe) -> frozenset[str]:
    """Return the names of the layers whose weights belong to the recipe and not to chance.

    Layers that are adapted to data (Normalization, TextVectorization) are not among them.
    """
    return frozenset(
        name
        for entry in recipe.architecture.layers()
        if entry["class_name"] not in ADAPTED and (name := name_of(entry)) in recipe.kept_weights
    )


def loses_loaded(recipe: Recipe, changed: Recipe) -> bool:
    """Say whether a change takes out layers whose weights were loaded or trained before, or gives them another form."""
    known = pretrained(recipe)
    before, after = (
        {name_of(entry): [entry["config"].get(key) for key in FORM] for entry in r.architecture.layers()}
        for r in (recipe, changed)
    )
    return bool(known) and any(before.get(name) != after.get(name) for name in known)


def _nests(layer: Any) -> bool:
    return hasattr(layer, "layers") or hasattr(layer, "cell") or hasattr(layer, "cells")


def _fresh(weights: list[Array], one: list[Array], two: list[Array]) -> bool:
    if [w.shape for w in weights] != [w.shape for w in one]:
        return True  # Another network: nothing can be said, and nothing could be put back.
    return all(_alike(*parts) for parts in zip(weights, one, two, strict=True))


def _alike(own: Array, one: Array, two: Array) -> bool:
    if own.dtype.kind not in "f":
        return True  # States of random layers.
    if np.array_equal(one, two):
        return bool(np.allclose(own, one, atol=1e-6, equal_nan=True))
    from scipy.stats import ks_2samp

    drawn = np.concatenate([one.ravel(), two.ravel()])
    step = max(1, own.size // COMPARED)
    if own.size < 8:
        return bool(np.abs(own).max() <= 3 * np.abs(drawn).max())
    return bool(ks_2samp(own.ravel()[::step], drawn[::step]).pvalue > UNLIKE)
