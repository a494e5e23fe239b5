"""What the vocabulary of a model makes of texts: which words it does not know, how much of a text it reads."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest
from remedy.data.text import is_text
from remedy.evidence.data_facts import padded_behind
from remedy.evidence.records import InputFacts
from remedy.keras_internals import every_layer

log = logging.getLogger(__name__)

TEXTS = 256
"""Texts that are looked at."""

UNKNOWN = 1
"""The id that Keras gives to a word which is not in a vocabulary; 0 is padding."""


def with_vocabulary(inputs: Sequence[InputFacts] | None, model: Any, X: Nest) -> tuple[InputFacts, ...] | None:
    """Add to the facts of a text input what the model's TextVectorization makes of it.

    Args:
        inputs: Facts of every input, in the order of the arrays; None where unknown.
        model: The live model.
        X: Training rows.
    """
    parts = arrays.leaves(X)
    tables = [layer for layer in every_layer(model) if type(layer).__name__ == "TextVectorization"]
    texts = [i for i, part in enumerate(parts) if is_text(part)]
    if inputs is None or len(tables) != 1 or len(texts) != 1 or len(inputs) != len(parts):
        return None if inputs is None else tuple(inputs)
    table, at = tables[0], texts[0]
    some = parts[at][arrays.spread(len(parts[at]), TEXTS)].reshape(-1)
    try:
        ids = np.asarray(keras.ops.convert_to_numpy(table(some)))
    except Exception:  # A vocabulary that was never adapted may be refused, and a split of the user's own may fail.
        log.debug("%s is not asked", table.name, exc_info=True)
        return tuple(inputs)
    if ids.ndim != 2 or ids.dtype.kind not in "iu":
        return tuple(inputs)  # Counts of words, and no ids.
    known = ids[ids != 0]
    unknown = float(np.mean(known == UNKNOWN)) if known.size else None
    seen = replace(inputs[at], unknown=unknown, cut=_cut(some, ids), padded_behind=padded_behind(ids))
    return (*inputs[:at], seen, *inputs[at + 1 :])


def _cut(texts: Array, ids: Array) -> float:
    """Return the mean share of a text's words that stand behind the last one that is read."""
    words = np.array([len(str(text).split()) for text in texts])
    return float(np.mean(np.maximum(0, words - ids.shape[1]) / np.maximum(1, words)))
