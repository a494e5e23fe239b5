"""Whether the copy that trials train is the user's model: it is built once, given his weights, and asked.

Where it is not, a search would be about another program; so that is said before the first trial, in one sentence.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.errors import ModelError
from remedy.keras_internals import every_layer
from remedy.recipe.live_model import first_line, share_layers
from remedy.recipe.own_parts import own_parts
from remedy.recipe.recipe import Recipe
from remedy.recipe.seeds import keep_random_state

ROWS = 4
TOLERANCE = 1e-3
"""Answers may differ by so much of their largest value: two graphs of one function round differently."""

WAY_OUT = "Pass remedy.fit(..., build=...), a function without arguments that returns a fresh model like it."


def difference(recipe: Recipe, dataset: Dataset, model: Any, given: bool = False) -> str | None:
    """Return why a recipe does not make the user's model again, as a sentence; None where it does.

    Args:
        recipe: Read from the model.
        dataset: Some of its rows are asked.
        model: The live model; its weights are read and not changed.
        given: The user's own ``build=`` makes the copy; that it can be built is enough.
    """
    if recipe.unbuildable is not None:
        return recipe.unbuildable
    with keep_random_state():
        try:
            copy = recipe.build(dataset, 0)
        except ModelError as error:
            return f"A copy of your model cannot be built: {_inner(error)}. {WAY_OUT}"
        if share_layers(model, copy):
            return f"A copy of your model shares layers with it: training the one would change the other. {WAY_OUT}"
        if given:
            return None
        ours, theirs = model.get_weights(), copy.get_weights()
        if [w.shape for w in ours] != [w.shape for w in theirs]:
            return f"A copy of your model has other weights ({_suspects(model)}). {WAY_OUT}"
        copy.set_weights(ours)
        rows = dataset.train.take(slice(0, ROWS))
        try:
            answers = [_flat(one(rows.X, training=False)) for one in (model, copy)]
        except Exception as error:
            return f"A copy of your model cannot answer: {first_line(error)}. {WAY_OUT}"
    size = max(1e-6, float(np.abs(answers[0]).max(initial=0.0)))
    finite = np.isfinite(answers[0])
    if float(np.abs(answers[0] - answers[1])[finite].max(initial=0.0)) > TOLERANCE * size:
        return f"A copy of your model with the same weights answers otherwise ({_suspects(model)}). {WAY_OUT}"
    return None


def _flat(outputs: Any) -> Any:
    leaves = arrays.leaves(outputs) if isinstance(outputs, (list, tuple, dict)) else [outputs]
    return np.concatenate([np.asarray(leaf, dtype="float64").ravel() for leaf in leaves])


def _suspects(model: Any) -> str:
    """Name the layers of the user's own: what differs is one of them."""
    own = own_parts(model).values()
    names = [layer.name for layer in every_layer(model) if type(layer) in own]
    return f"look at layer {', '.join(map(repr, names[:3]))}" if names else "look at what it computes beside its layers"


def _inner(error: Exception) -> str:
    """Return what Keras stumbled over, without the configurations that it spells on the way."""
    text = str(error).rsplit("Exception encountered: ", 1)[-1].rsplit("during deserialization: ", 1)[-1]
    return " ".join(text.removeprefix("Keras cannot build this recipe: ").split())[:200].rstrip(".")
