"""Moves the threshold of a binary net into the bias of its head, so that one half is the best place to cut.

The order of the answers stays what it was; no other weight changes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from remedy.data.rows import Rows
from remedy.data.thresholds import moved_threshold
from remedy.recipe.recipe import Recipe

LEAST = 1e-6
"""Probabilities nearer to 0 or 1 than this are cut there: their logits are beyond what single precision holds."""


def head_bias(model: Any) -> Any:
    """Return the bias variable of the single unit that ends a model; None where there is none."""
    for layer in reversed(model.layers):
        if type(layer).__name__ == "Dense":
            return layer.bias if layer.units == 1 and layer.use_bias else None
        if type(layer).__name__ not in ("Activation", "Dropout", "Identity"):
            return None
    return None


def move_threshold(model: Any, recipe: Recipe, rows: Rows) -> bool:
    """Shift the bias of a model's head; say whether there was one to shift.

    Args:
        model: With a single sigmoid unit at its end, or a single raw score.
        recipe: Says whether the answers are raw scores.
        rows: The threshold is chosen by these.
    """
    bias = head_bias(model)
    found = None if bias is None else moved_threshold(rows.target, model.predict(rows.X, verbose=0), recipe.from_logits)
    if found is None:
        return False
    bias.assign(np.asarray(bias) - shift(found[1], recipe.from_logits))
    return True


def shift(threshold: float, logits: bool = False) -> float:
    """Return by how much a bias must fall for a threshold to become one half."""
    if logits:
        return threshold
    share = min(1 - LEAST, max(LEAST, threshold))
    return math.log(share / (1 - share))
