"""Text as rows: one form for all the forms it comes in, and numbers for what can only compare numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from remedy.data.arrays import Array
from remedy.errors import InvalidInput

COUNTED = 512
"""Columns that words are counted in; words share a column by chance."""


def is_text(array: Any) -> bool:
    """Say whether an array holds text."""
    kind = array.dtype.kind
    if kind in "SU":
        return True
    return bool(kind == "O" and array.size and isinstance(array.reshape(-1)[0], (str, bytes)))


def as_text(array: Array) -> Array:
    """Return text as an array of Python's strings, which is the form that Keras trains on; bytes are UTF-8.

    Args:
        array: Text of any type and of shape (n, ...).

    Raises:
        InvalidInput: A value among the texts is none.
    """
    if array.dtype.kind == "U":
        return array.astype(object)
    plain = [part.decode("utf-8", "replace") if isinstance(part, bytes) else part for part in array.reshape(-1)]
    other = next((i for i, part in enumerate(plain) if not isinstance(part, str)), None)
    if other is not None:
        row = other // max(1, array[:1].size)
        raise InvalidInput(
            f"X holds text, but {plain[other]!r} in row {row}. Put '' in its place, or leave the row out."
        )
    made = np.empty(len(plain), dtype=object)
    made[:] = plain
    return made.reshape(array.shape)


def word_counts(array: Array) -> Array:
    """Return how often words and pairs of words occur, shape (n, 512), with words told apart by a hash.

    Args:
        array: Text of shape (n,) or (n, k); the k texts of a row are read as one.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    rows = [" ".join(map(str, row)) for row in array.reshape(len(array), -1)]
    counter = HashingVectorizer(
        n_features=COUNTED, ngram_range=(1, 2), norm=None, alternate_sign=False, token_pattern=r"(?u)\b\w+\b"
    )
    return np.asarray(counter.transform(rows).toarray(), dtype="float32")
