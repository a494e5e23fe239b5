"""Reads datasets that come in batches (``tf.data.Dataset``, ``keras.utils.PyDataset``) into rows.

Keras trains on the stream itself. What is read here is for looking: all of it where it fits, else
its first batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from remedy.data import arrays
from remedy.data.array_rows import as_array
from remedy.data.rows import Rows
from remedy.data.text import is_text

WHOLE_BYTES = 1 << 28
"""A stream of at most this size is kept as arrays, so that remedies can be searched on it."""

SAMPLE_ROWS = 4096
"""Of a larger (or endless) one this many rows are looked at."""


@dataclass(frozen=True)
class Stream:
    """What was read of a stream.

    Attributes:
        rows: The rows read.
        complete: True where these are all rows.
        batch_size: Rows of the first batch.
        total: Rows of an epoch, where known.
    """

    rows: Rows
    complete: bool
    batch_size: int
    total: int | None


def is_stream(X: Any) -> bool:
    """Say whether X is a dataset that can be read twice without harm."""
    return _is_tf_data(X) or _is_py_dataset(X)


def read_stream(X: Any) -> Stream | None:
    """Read a stream of ``(x, y)`` or ``(x, y, sample_weight)`` batches; None where it gives no labels, or no numbers.

    Args:
        X: A stream by `is_stream`.
    """
    batches: list[Any] = []
    size, complete, first = 0, True, 0
    count = batch_count(X)
    for seen, batch in enumerate(_batches(X, count), 1):
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            return None
        given = batch[:2] if len(batch) == 2 or batch[2] is None else batch[:3]
        parts = tuple(arrays.tree_map(as_array, part) for part in given)
        if not arrays.leaves(parts[1]) or not readable(parts):
            return None  # Ragged rows: Keras may train on them, nothing else can read them.
        first = first or arrays.length(parts[0])
        if batches and _shapes(parts) != _shapes(batches[0]):
            complete = False  # Padded batch by batch: those like the first are looked at.
        else:
            batches.append(parts)
        size += sum(leaf.nbytes for leaf in arrays.leaves(parts))
        read = seen * first
        if (count is None and read >= SAMPLE_ROWS) or size > WHOLE_BYTES:
            complete = False
            break
        if count is not None and seen == 1 and size * count > WHOLE_BYTES:
            complete = False
        if not complete and read >= SAMPLE_ROWS:
            break
    if not batches:
        return None
    whole = arrays.concatenate(*batches)
    rows = Rows(whole[0], whole[1], whole[2] if len(whole) == 3 else None)
    total = len(rows) if complete else None if count is None else count * first
    return Stream(rows, complete, first, total)


def readable(parts: Any) -> bool:
    """Say whether a batch holds numbers and text, with labels that are numbers."""
    kinds = [leaf.dtype.kind in "biuf" for leaf in arrays.leaves(parts[1:])]
    return all(kinds) and all(leaf.dtype.kind in "biuf" or is_text(leaf) for leaf in arrays.leaves(parts[0]))


def _shapes(parts: Any) -> list[Any]:
    return [leaf.shape[1:] for leaf in arrays.leaves(parts)]


def _is_tf_data(X: Any) -> bool:
    return hasattr(X, "element_spec") and hasattr(X, "as_numpy_iterator")


def _is_py_dataset(X: Any) -> bool:
    import keras

    return isinstance(X, keras.utils.PyDataset)


def batch_count(X: Any) -> int | None:
    """Return the batches of an epoch; None where endless or unknown."""
    if _is_tf_data(X):
        count = int(X.cardinality())
        return count if count >= 0 else None
    count = X.num_batches
    return None if count is None else int(count)


def one_pass(X: Any, steps: int | None) -> Iterator[Any]:
    """Yield the batches of an epoch of a stream: so many, or all there are; a ``PyDataset`` hears that it ended."""
    if _is_tf_data(X):
        yield from (X if steps is None else X.take(steps)).as_numpy_iterator()
        return
    for i in range(X.num_batches if steps is None else steps):
        yield X[i]
    X.on_epoch_end()


def _batches(X: Any, count: int | None) -> Iterator[Any]:
    if _is_tf_data(X):
        yield from X.as_numpy_iterator()
    else:
        for i in range(count if count is not None else SAMPLE_ROWS):
            yield X[i]
