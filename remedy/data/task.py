"""What a target asks for: classes or numbers, told by the labels themselves and by the loss."""

from __future__ import annotations

import warnings

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest
from remedy.data.scores import Task

LEAST_ROWS, STANDING_ROWS, WINDOW, MOST_COLUMNS = 30, 256, 8, 2000
"""Rows that must agree and about as many as are looked at, values a row from which on a line counts, and their most."""

EQUAL = 1e-6
"""Two numbers are equal that differ by this share: single precision has seven digits."""

COMPARED_ROWS = 4096
"""Rows that a target is compared with the inputs on."""


REBUILT = 0.5
"""Correlation of target and input values from which on the one is taken for the other with noise."""


def rebuilds(X: Nest, y: Array) -> bool:
    """Say whether a target is one of the inputs again, noise and blanks apart."""
    size, step = y[:1].size, max(1, len(y) // COMPARED_ROWS)
    if size < 2 or y.dtype.kind not in "fiub":
        return False
    wanted = np.asarray(y[::step], dtype="float64").ravel()
    for part in arrays.leaves(X):
        if part[:1].size == size and len(part) == len(y) and part.dtype.kind in "fiub":
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # An input that never varies.
                alike = np.corrcoef(np.asarray(part[::step], dtype="float64").ravel(), wanted)[0, 1]
            if np.isfinite(alike) and alike > REBUILT:
                return True
    return False


def stands_in(X: Nest, y: Array) -> str | None:
    """Return where a target of one value a row stands among the inputs, in words; None where it does not.

    A value that is equal counts from two columns on, one that follows a straight line of it from `WINDOW` on: a single
    column with a line to be found is an exercise.
    """
    step = max(1, len(y) // STANDING_ROWS)
    wanted = np.asarray(y[::step]).reshape(len(y[::step]), -1)
    if wanted.shape[1] != 1 or wanted.dtype.kind not in "fiub" or len(wanted) < LEAST_ROWS:
        return None
    target = wanted[:, 0].astype("float64")
    if not np.all(np.isfinite(target)) or np.ptp(target) == 0:
        return None
    for name, part in arrays.named_leaves(X):
        columns = np.asarray(part[::step]).reshape(len(part[::step]), -1)
        if len(part) != len(y) or columns.dtype.kind not in "fiub" or not 2 <= columns.shape[1] <= MOST_COLUMNS:
            continue
        values = columns.astype("float64")
        with np.errstate(all="ignore"):
            found = np.flatnonzero(np.all(np.isclose(values, target[:, None], rtol=EQUAL, atol=0), axis=0))
            if not len(found) and columns.shape[1] >= WINDOW and len(np.unique(target)) > WINDOW:
                centred, spread = values - values.mean(0), values.std(0)
                alike = np.abs(centred.T @ (target - target.mean()) / len(target) / spread / target.std())
                found = np.flatnonzero(alike > 1 - EQUAL**2)
        if len(found):
            place = ", ".join(map(str, np.unravel_index(int(found[0]), part.shape[1:])))
            return f"place {place} of {f'input {name!r}' if name else 'X'}"
    return None


def infer_task(y: Nest, loss_name: str | None, output_units: int | None) -> Task:
    """Say what the labels ask for; the labels' own shape and values come before the loss' name.

    Args:
        y: Target array of shape (n,), (n, 1), (n, k) or (n, t, k); the first of a nest is used.
        loss_name: Name of the compiled loss, or None.
        output_units: Size of the model's last axis, or None where unknown.
    """
    y = np.asarray(arrays.leaves(y)[0][:20_000])
    name = loss_name or ""
    whole = bool(np.issubdtype(y.dtype, np.integer) or y.dtype == bool or np.all(np.isfinite(y) & (y == np.round(y))))
    # A single output unit answers a label a step or a pixel; the last axis is then one of these.
    if y.ndim > 1 and y.shape[-1] > 1 and not ("sparse" in name and whole) and not (whole and output_units == 1):
        if not (whole and set(np.unique(y)) <= {0, 1}):
            return "regression"
        if bool(np.all(y.sum(-1) == 1)) and "sparse" not in name:
            return "binary" if y.shape[-1] == 2 else "multiclass"
        return "multilabel"
    values = np.unique(y)
    if not whole:
        # Fractions under a loss that takes class ids are labels that were scaled by mistake.
        return "multiclass" if "sparse" in name and 2 <= len(values) <= (output_units or 0) else "regression"
    if "sparse" in name or (output_units or 1) > 1:
        return "binary" if len(values) <= 2 and (output_units or 2) <= 2 else "multiclass"
    if len(values) <= 2:
        return "binary" if "crossentropy" in name or "hinge" in name or set(values) <= {-1, 0, 1} else "regression"
    return "multiclass" if "crossentropy" in name else "regression"
