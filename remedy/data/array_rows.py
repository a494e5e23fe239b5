"""Turns what Keras takes as arrays into rows, and says what is wrong with them before training."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import nonfinite_report
from remedy.data.rows import Rows
from remedy.data.text import as_text, is_text
from remedy.errors import InvalidInput, RemedyWarning

NAMED = 5
"""Columns of a data frame that a message names."""


def read_rows(
    X: Any,
    y: Any,
    sample_weight: Any = None,
    groups: Any = None,
    where: str = "",
    order: Any = None,
    text: bool = False,
) -> Rows:
    """Turn what Keras takes as arrays into NumPy rows, and check them.

    Args:
        X, y: Arrays, data frames, or lists, tuples or dicts of them, with n rows each.
        sample_weight: None or shape (n,) or (n, t).
        groups: None or shape (n,).
        where: Put in front of messages.
        order: None, True, or shape (n,).
        text: Whether the model reads text.

    Raises:
        InvalidInput: Empty, of different length, or of a type that nothing can be trained on.
    """
    columns = _columns_of_text(X)
    X, y = arrays.tree_map(as_array, X), arrays.tree_map(as_array, y)
    for name, value in (("groups", groups), ("order", None if isinstance(order, bool) else order)):
        if value is not None and np.ndim(value) != 1:
            many = ", or True where they stand in the order of time" if name == "order" else ""
            raise InvalidInput(f"{where}{name}={value!r:.60}: give one value a row, shape (n,){many}.")
    lengths = {f"X{f'[{k}]' if k else ''}": len(a) for k, a in arrays.named_leaves(X)}
    lengths |= {f"y{f'[{k}]' if k else ''}": len(a) for k, a in arrays.named_leaves(y)}
    extra = {"sample_weight": sample_weight, "groups": groups, "order": None if isinstance(order, bool) else order}
    lengths |= {name: len(value) for name, value in extra.items() if value is not None}
    if not lengths or not all(lengths.values()):
        raise InvalidInput(f"{where}there are no rows: {_in_words(lengths)}. Was a filter too strict?")
    if len(set(lengths.values())) > 1:
        raise InvalidInput(f"{where}rows differ in number: {_in_words(lengths)}. Every row of X needs its row of y.")
    for name, nest in (("X", X), ("y", y)):
        for path, array in arrays.named_leaves(nest):
            if not array.size:
                place = f"{where}{name}{f'[{path}]' if path else ''}"
                raise InvalidInput(
                    f"{place} of shape {array.shape} holds no values. Was a selection of columns too strict?"
                )
            if array.dtype.kind not in "biuf" and not (text and name == "X" and is_text(array)):
                raise InvalidInput(
                    f"{where}{name}{f'[{path}]' if path else ''} holds {array.dtype} values such as "
                    f"{array.reshape(-1)[0]!r}; "
                    + (
                        "turn labels into numbers: sklearn.preprocessing.LabelEncoder().fit_transform(y)."
                        if name == "y"
                        else f"encode text and categories as numbers first{columns}."
                    )
                )
    if bad := nonfinite_report(y):
        warn(f"{where}y holds NaN or infinite values ({bad}). Drop those rows: no loss is defined for them.")
    if bad := nonfinite_report(X):
        warn(f"{where}X holds NaN or infinite values ({bad}). Impute or drop them: they turn every weight into NaN.")
    weight = None if sample_weight is None else np.asarray(sample_weight)
    when = None if order is None or order is False else _times(order, len(arrays.leaves(X)[0]))
    return Rows(X, y, weight, None if groups is None else _group_ids(groups), when)


def as_array(value: Any) -> Any:
    """Return an array; a data frame of numbers and truth values, which has no type of its own, as Keras casts it."""
    found = value if isinstance(value, np.ndarray) else np.asarray(value)
    kinds = {getattr(kind, "kind", "O") for kind in np.atleast_1d(np.asarray(getattr(value, "dtypes", "O"), "O"))}
    if found.dtype == object and kinds <= set("biuf"):
        return found.astype("float32")
    return as_text(found) if is_text(found) else found


def _columns_of_text(frame: Any) -> str:
    """Name the columns of a data frame that hold no numbers, as the end of a sentence; empty where none do."""
    kinds = getattr(frame, "dtypes", None)
    if not hasattr(frame, "columns") or kinds is None:
        return ""
    named = zip(frame.columns, kinds, strict=True)
    text = [repr(name) for name, kind in named if getattr(kind, "kind", "O") not in "biuf"]
    return f" (column {', '.join(text[:NAMED])})" if text else ""


def _group_ids(groups: Any) -> Any:
    """Return one number a row for names of groups, which no file of arrays holds without pickling."""
    found = np.asarray(groups)
    return np.unique(found.astype(str), return_inverse=True)[1] if found.dtype.kind in "OUS" else found


def _times(order: Any, n: int) -> Any:
    """Return when every row was, as numbers that can be compared."""
    if order is True:
        return np.arange(n)
    found = np.asarray(order)
    if found.dtype.kind in "OUS":  # Dates in words sort like their ranks only where they are written year first.
        found = found.astype("datetime64[ns]")
    return found.astype("int64") if found.dtype.kind in "Mm" else found


def _in_words(lengths: Mapping[str, int]) -> str:
    return ", ".join(f"{name} has {n}" for name, n in lengths.items())


def warn(text: str) -> None:
    """Warn in the name of the line that called `remedy.fit`."""
    warnings.warn(text, RemedyWarning, stacklevel=4)
