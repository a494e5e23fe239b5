"""What the arrays say by themselves: statistics of inputs and targets, and rows that stand on both sides."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest
from remedy.data.rows import Rows
from remedy.data.scores import class_ids
from remedy.data.text import is_text
from remedy.evidence.records import InputFacts

FACT_ROWS = 4096
"""Rows that statistics are measured on; enough for a standard error under 2 %."""

FACT_VALUES = 1_000_000
"""Values that statistics are measured on; fewer rows where one row is large."""

LEAST_ROWS, PHOTO_VALUES, LONG_EDGE = 16, 1 << 16, 64
"""Rows that statistics are measured on, however large one is; of pictures of more values every other pixel along edges
from so many on will do."""

DISTINCT = 1000
"""Different target values are counted up to here."""

ORDERED_ROWS = 20
"""In fewer rows the order of the labels says nothing."""


OVERLAP_BYTES = 1 << 28
"""Larger training arrays are not compared row by row with the validation rows: it would take seconds."""

_MEASURED: WeakKeyDictionary[Rows, tuple[InputFacts, ...]] = WeakKeyDictionary()
"""Every remedy that scales or fills asks again, and large pictures take half a second."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep NumPy's warnings about NaN, infinite and huge values from the user: the facts say it."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@_quietly()
def input_facts(
    X: Nest, names: list[str] | None = None, ids: Mapping[str, bool] | None = None, most: int = FACT_VALUES
) -> tuple[InputFacts, ...]:
    """Measure every input array on at most `FACT_ROWS` evenly spaced rows.

    Args:
        X: Nest of arrays of shape (n, ...).
        names: Input names in the order of the arrays; positions where None or of another length.
        ids: ``{name: True}`` for inputs that feed an Embedding.
        most: Values of an array that are looked at; some rows at least, however large they are.
    """
    named = list(arrays.named_leaves(X))
    if names is not None and len(names) == len(named) and not isinstance(X, Mapping):
        named = [(name, array) for name, (_, array) in zip(names, named, strict=True)]
    return tuple(_facts(name or "input", array, bool(ids and ids.get(name)), most) for name, array in named)


def facts_of(rows: Rows) -> tuple[InputFacts, ...]:
    """Return `input_facts` of rows, measured once for as long as these rows are kept."""
    if rows not in _MEASURED:
        _MEASURED[rows] = input_facts(rows.X)
    return _MEASURED[rows]


@_quietly()
def target_facts(y: Array, validation: Array | None = None, ignored: int | None = None) -> dict[str, Any]:
    """Measure a target array: the fields of `OutputFacts` that labels alone give.

    Args:
        y: Training target of shape (n,), (n, k), (n, t) or (n, t, k).
        validation: The same of the validation rows.
        ignored: A label that the loss leaves out, or None.
    """
    values = np.asarray(y[:: _stride(len(y), 5 * FACT_ROWS)], dtype="float64")
    finite = values[np.isfinite(values) & (values != ignored)]
    if finite.size == 0:
        return {"shape": tuple(y.shape[1:]), "nonfinite": _nonfinite(y), "integers": False, "distinct": 0}
    integers = bool(np.all(finite == np.round(finite)))
    several = values.ndim > 1 and values.shape[-1] > 1
    sums = np.nan_to_num(values).sum(-1) if several else None
    zero_one = integers and finite.min() >= 0 and finite.max() <= 1
    facts: dict[str, Any] = {
        "shape": tuple(int(s) for s in y.shape[1:]),
        "minimum": float(finite.min()),
        "maximum": float(finite.max()),
        "mean": float(finite.mean()),
        "std": float(finite.std()),
        "distinct": min(DISTINCT, len(np.unique(finite[:: _stride(len(finite), 100 * DISTINCT)]))),
        "integers": integers,
        "one_hot": bool(sums is not None and zero_one and np.all(sums == 1)),
        "row_sums": None if sums is None else (float(sums.min()), float(sums.max())),
        "nonfinite": _nonfinite(y),
        "changes": _changes(y) if integers else None,
    }
    held = np.zeros(0) if validation is None else np.asarray(validation, dtype="float64")
    if np.any(seen := np.isfinite(held) & (held != ignored)):
        facts["validation_mean"] = float(held[seen].mean())
    return facts


@_quietly()
def overlap(train: Rows, validation: Rows) -> float | None:
    """Return the share of validation rows whose whole input also stands among the training rows.

    None where the arrays are too large to compare.
    """
    both = [arrays.leaves(train.X), arrays.leaves(validation.X)]
    if sum(a.nbytes for side in both for a in side) > OVERLAP_BYTES or not len(validation):
        return None
    types = [_common_type(a.dtype, b.dtype) for a, b in zip(*both, strict=False)]
    seen, held = set(_row_keys(both[0], types)), _row_keys(both[1], types)
    return sum(key in seen for key in held) / len(validation)


def _common_type(one: Any, other: Any) -> Any:
    """Return the type in which two arrays are compared: their own, else single precision."""
    if object in (one, other):
        return np.dtype(str)
    if one == other:
        return one
    return np.promote_types(one, other) if one.kind in "biu" and other.kind in "biu" else np.dtype("float32")


def _row_keys(parts: list[Array], types: list[Any]) -> list[int]:
    # Equal numbers of another type, and -0.0 beside 0.0, are equal rows.
    same = [
        np.ascontiguousarray(part, dtype=kind).reshape(len(part), -1) for part, kind in zip(parts, types, strict=False)
    ]
    flat = [part if part.dtype.kind == "U" else part + np.zeros(1, part.dtype) for part in same]
    return [hash(tuple(part[i].tobytes() for part in flat)) for i in range(len(parts[0]))]


def _facts(name: str, array: Array, ids: bool, most: int) -> InputFacts:
    shape = tuple(int(s) for s in array.shape[1:])
    if is_text(array):
        return InputFacts(name, shape, 0.0, 0.0, 0.0, 0.0, ids=True)
    rows = max(LEAST_ROWS, min(FACT_ROWS, most // max(1, int(np.prod(shape)))))
    sample = np.asarray(array[:: _stride(len(array), rows)])
    if len(shape) > 2 and np.prod(shape) > PHOTO_VALUES:
        thinner = (slice(None, None, 2 if edge >= LONG_EDGE else 1) for edge in shape[:-1])
        sample = sample[(slice(None), *thinner)]
    values = sample.astype("float64", copy=False)
    clean = np.isfinite(values)
    whole = bool(clean.all())  # Photos are large, and a copy less is felt.
    finite = values.ravel() if whole else values[clean]
    if finite.size == 0:
        return InputFacts(name, shape, 0.0, 0.0, 0.0, 0.0, ids=ids, nonfinite=int(array.size))
    columns = (values if whole else np.where(clean, values, np.nan)).reshape(-1, shape[-1] if shape else 1)
    some = columns if whole else columns[:, clean.reshape(columns.shape).any(0)]
    spreads = np.nanstd(some, axis=0)
    varying = spreads[np.nanmin(some, axis=0) != np.nanmax(some, axis=0)]
    return InputFacts(
        name=name,
        shape=shape,
        minimum=float(finite.min()),
        maximum=float(finite.max()),
        mean=float(finite.mean()),
        std=float(finite.std()),
        row_shift=_row_shift(values) if values.ndim >= 3 else None,
        integers=bool(np.issubdtype(sample.dtype, np.integer) or np.all(finite == np.round(finite))),
        ids=ids,
        words=None if ids or sample.ndim != 2 else _words(values),
        padded_behind=padded_behind(sample) if ids and sample.ndim == 2 else None,
        columns=columns.shape[1],
        constant=columns.shape[1] - len(varying),
        nonfinite=_nonfinite(array),
        largest_std=float(varying.max()) if len(varying) else 0.0,
        median_std=float(np.median(varying)) if len(varying) else 0.0,
        median=float(np.median(np.abs(finite))),
    )


LEAST_STEPS, LEAST_WORDS, MOST_WORDS = 8, 50, 1_000_000
PADDED, WITHIN, SMOOTH, ALIKE = 0.2, 0.01, 0.5, 0.5
"""Whole numbers are taken for ids of words where at least so many rows end, or begin, in zeros, so few zeros stand
between others, neighbours correlate less than this, and the means of columns lie within this share of the mean: rows
of pixels have zeros everywhere, samples of a signal follow each other, columns of a table each have their own range."""


def _words(values: Array) -> int | None:
    """Return the size of a vocabulary where the rows look like padded ids of its words, else None."""
    if values.shape[1] < LEAST_STEPS or not np.all(values == np.round(values)) or values.min() < 0:
        return None
    if not LEAST_WORDS <= values.max() < MOST_WORDS:
        return None
    zero = values == 0
    outside = np.cumprod(zero, axis=1) | np.cumprod(zero[:, ::-1], axis=1)[:, ::-1]
    inside = outside == 0
    if np.mean(outside.any(1)) < PADDED or np.mean(zero[inside]) > WITHIN:
        return None
    pairs = inside[:, 1:] & inside[:, :-1]
    if pairs.sum() < LEAST_WORDS or abs(np.corrcoef(values[:, 1:][pairs], values[:, :-1][pairs])[0, 1]) > SMOOTH:
        return None
    known = inside.sum(0) >= LEAST_WORDS
    means = np.where(inside, values, 0.0).sum(0)[known] / inside.sum(0)[known]
    if not len(means) or np.abs(means - means.mean()).max() > ALIKE * means.mean():
        return None
    return int(values.max()) + 1


def padded_behind(ids: Array) -> float:
    """Return the mean share of a row of ids that is zeros at its end."""
    behind = np.cumprod(ids[:, ::-1] == 0, axis=1).sum(1)
    return float(behind.mean() / max(1, ids.shape[1]))


def _stride(rows: int, wanted: int) -> int:
    """Return the step that spreads at most ``wanted`` rows evenly over all of them."""
    return max(1, -(-rows // max(1, wanted)))


def _row_shift(values: Array) -> float | None:
    rows = values.reshape(len(values), -1)
    within = float(np.median(np.nanstd(rows, axis=1)))
    return float(np.nanstd(np.nanmean(rows, axis=1))) / within if within > 0 else None


def _nonfinite(array: Array) -> int:
    """Count NaN and infinite values in chunks, so that a memory-mapped array is never copied as a whole."""
    if not np.issubdtype(array.dtype, np.floating):
        return 0
    step = max(1, 8 * FACT_VALUES // max(1, int(np.prod(array.shape[1:]))))
    return sum(int((~np.isfinite(array[at : at + step])).sum()) for at in range(0, len(array), step))


def _changes(y: Array) -> float | None:
    """Return how often the label changes from row to row, over what a shuffled order would give."""
    ids = class_ids(y)
    if len(ids) != len(y) or len(ids) < ORDERED_ROWS:
        return None
    shares = np.unique(ids, return_counts=True)[1] / len(ids)
    expected = (len(ids) - 1) * (1 - float((shares**2).sum()))
    return None if expected <= 0 else float((ids[1:] != ids[:-1]).sum() / expected)
