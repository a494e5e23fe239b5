"""Reads a call of ``fit``: checks what can be checked before training, and splits as Keras would.

What Keras could not train on raises here, before the first step. What Keras would train on, but
remedy cannot see into, gives a `RemedyWarning` and a run that is watched without the parts that
need arrays.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from remedy import arrays
from remedy.arrays import Nest
from remedy.data_facts import rebuilds
from remedy.dataset import Dataset, Rows, infer_task, nonfinite_report, split
from remedy.errors import InvalidInput, ModelError, RemedyWarning
from remedy.scores import Task
from remedy.streams import is_stream, read_stream

READ_TEXT = {"TextVectorization", "StringLookup", "Hashing", "HashedCrossing"}
"""Keras' layers that take text."""


@dataclass(frozen=True)
class FitCall:
    """A checked call of ``fit``.

    Attributes:
        X, y: To hand to Keras: as the user gave them, or the training side of a split by groups.
        kwargs: Keywords for ``Model.fit``.
        dataset: The same as arrays, or None where they cannot be had.
        batch_size: Rows a step where a stream gives them, else None.
    """

    X: Any
    y: Any
    kwargs: dict[str, Any]
    dataset: Dataset | None
    batch_size: int | None = None

    @property
    def recipe_options(self) -> dict[str, Any]:
        """The keywords with the batch size that a stream brings, and whether there are validation rows."""
        validated = bool(self.kwargs.get("validation_split")) or self.kwargs.get("validation_data") is not None
        size = self.kwargs.get("batch_size") or self.batch_size
        return {**self.kwargs, "batch_size": size, "validated": validated}


def read_fit_call(
    model: Any, X: Any, y: Any, kwargs: Mapping[str, Any], groups: Any = None, seed: int = 0, order: Any = None
) -> FitCall:
    """Check a call of ``fit`` and read its data.

    Args:
        model: A Keras model.
        X, y: As ``Model.fit`` takes them.
        kwargs: Keywords of ``Model.fit``.
        groups: None, or one label a row, shape (n,): rows of a group stay on one side of a split.
        seed: Of a split by groups.
        order: None, True where rows stand in the order of time, or their times, shape (n,).

    Raises:
        ModelError: The model is not compiled.
        InvalidInput: Keras could not train on this.
    """
    require_compiled(model)
    known = inspect.signature(type(model).fit).parameters
    unknown = [name for name in kwargs if name not in known]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        raise InvalidInput(
            f"fit() has no keyword {', '.join(map(repr, unknown))}; beside Keras' own, remedy knows "
            "experiment, run_name, tags, search, groups, order, expect, detectors, ignore, remedies, build, log_data "
            "and register_as."
        )
    if groups is not None and order is not None and order is not False:
        raise InvalidInput("groups= and order= ask for two splits that exclude each other: give one of them.")
    if y is None and is_stream(X):
        return _read_stream_call(model, X, dict(kwargs), groups, order)
    if y is None or not _is_arrays(X):
        _warn(
            f"X is a {type(X).__name__}, y a {type(y).__name__}, where arrays are expected: "
            "the run is logged and its loss is watched, but data and predictions are not examined and no "
            "remedy is searched. Give arrays, a tf.data.Dataset or a keras.utils.PyDataset for that."
        )
        return FitCall(X, y, dict(kwargs), None)
    text = _is_text(X, model)
    if text or _is_nested(kwargs.get("sample_weight")):
        what = "text" if text else "sample weights for every output"
        _warn(f"remedy does not read {what}: the run is logged and its loss is watched; no remedy is searched.")
        return FitCall(X, y, dict(kwargs), None)
    rows = read_rows(X, y, kwargs.get("sample_weight"), groups, order=order)
    validation, share = kwargs.get("validation_data"), float(kwargs.get("validation_split") or 0.0)
    new_kwargs = dict(kwargs)
    if validation is not None and _is_arrays(validation[0] if isinstance(validation, (tuple, list)) else validation):
        parts = (*validation, None)[:3]
        given = read_rows(parts[0], parts[1], parts[2], None, "validation_data: ")
        held: Rows | None = given
        if rows.order is not None:
            held = replace(given, order=rows.order.max() + 1 + np.arange(len(given)))
    elif share and groups is not None:
        # Keras would take the last rows; one group's rows would then stand on both sides.
        if arrays.is_large(rows.X):
            raise InvalidInput(
                f"groups= with validation_split= would copy {arrays.nbytes(rows.X) / 2**30:.1f} GiB; put the rows of "
                "every group together and give validation_data=: slices of the same arrays take no memory."
            )
        task = infer_task(rows.y, _loss_name(model), _output_units(model))
        rows, held = split(rows, share, seed, task)
        new_kwargs.pop("validation_split")
        new_kwargs |= {"validation_data": _as_validation(held), "sample_weight": rows.sample_weight}
        X, y = rows.X, rows.y
    elif share:
        if not 0 < share < 1:
            raise InvalidInput(f"validation_split={share} must lie between 0 and 1.")
        at = math.floor(len(rows) * (1 - share))
        if at in (0, len(rows)):
            raise InvalidInput(f"validation_split={share} of {len(rows)} rows leaves one side empty; give more rows.")
        rows, held = rows.take(slice(None, at)), rows.take(slice(at, None))
    else:
        held = None
    _check_output(model, rows)
    task = _task(model, rows)
    tail = bool(share and groups is None and held is not None and validation is None)
    return FitCall(X, y, new_kwargs, Dataset(rows, held, task, validation_tail=tail))


def _read_stream_call(model: Any, X: Any, kwargs: dict[str, Any], groups: Any, order: Any) -> FitCall:
    """Read a ``tf.data.Dataset`` or ``PyDataset``; Keras still gets the stream itself."""
    if groups is not None or (order is not None and order is not True):
        raise InvalidInput(
            "groups= needs arrays, times in order= too: the rows of a stream have no positions. Give X and y as arrays."
        )
    stream = read_stream(X)
    if stream is None:
        _warn(f"The batches of this {type(X).__name__} hold no labels: the run is logged and its loss is watched only.")
        return FitCall(X, None, kwargs, None)
    if not stream.complete:
        _warn(
            f"This {type(X).__name__} is too large to keep as arrays: its first {len(stream.rows)} rows are examined, "
            "and no remedy is searched. Give arrays (memory-mapped ones too) for that."
        )
    validation = kwargs.get("validation_data")
    held: Rows | None = None
    if validation is not None and is_stream(validation):
        found = read_stream(validation)
        held = None if found is None else found.rows
    elif isinstance(validation, (tuple, list)):
        parts = (*validation, None)[:3]
        held = read_rows(parts[0], parts[1], parts[2], None, "validation_data: ")
    rows = read_rows(stream.rows.X, stream.rows.y, stream.rows.sample_weight, order=order)
    task = _task(model, rows)
    data = Dataset(rows, held, task, complete=stream.complete, total_rows=stream.total)
    return FitCall(X, None, kwargs, data, stream.batch_size)


def read_rows(
    X: Any, y: Any, sample_weight: Any = None, groups: Any = None, where: str = "", order: Any = None
) -> Rows:
    """Turn what Keras takes as arrays into NumPy rows, and check them.

    Args:
        X, y: Arrays, data frames, or lists, tuples or dicts of them, with n rows each.
        sample_weight: None or shape (n,) or (n, t).
        groups: None or shape (n,).
        where: Put in front of messages.
        order: None, True, or shape (n,).

    Raises:
        InvalidInput: Empty, of different length, or of a type that nothing can be trained on.
    """
    X, y = arrays.tree_map(_as_array, X), arrays.tree_map(_as_array, y)
    lengths = {f"X{f'[{k}]' if k else ''}": len(a) for k, a in arrays.named_leaves(X)}
    lengths |= {f"y{f'[{k}]' if k else ''}": len(a) for k, a in arrays.named_leaves(y)}
    extra = {"sample_weight": sample_weight, "groups": groups, "order": None if order is True else order}
    lengths |= {name: len(value) for name, value in extra.items() if value is not None}
    if not lengths or not all(lengths.values()):
        raise InvalidInput(f"{where}there are no rows: {_spelled(lengths)}. Was a filter too strict?")
    if len(set(lengths.values())) > 1:
        raise InvalidInput(f"{where}rows differ in number: {_spelled(lengths)}. Every row of X needs its row of y.")
    for name, nest in (("X", X), ("y", y)):
        for path, array in arrays.named_leaves(nest):
            if not array.size:
                place = f"{where}{name}{f'[{path}]' if path else ''}"
                raise InvalidInput(
                    f"{place} of shape {array.shape} holds no values. Was a selection of columns too strict?"
                )
            if array.dtype.kind not in "biuf":
                raise InvalidInput(
                    f"{where}{name}{f'[{path}]' if path else ''} holds {array.dtype} values such as "
                    f"{array.reshape(-1)[0]!r}; "
                    + (
                        "turn labels into numbers: sklearn.preprocessing.LabelEncoder().fit_transform(y)."
                        if name == "y"
                        else "encode text and categories as numbers first."
                    )
                )
    if bad := nonfinite_report(y):
        _warn(f"{where}y holds NaN or infinite values ({bad}). Drop those rows: no loss is defined for them.")
    if bad := nonfinite_report(X):
        _warn(f"{where}X holds NaN or infinite values ({bad}). Impute or drop them: they turn every weight into NaN.")
    weight = None if sample_weight is None else np.asarray(sample_weight)
    when = None if order is None or order is False else _times(order, len(arrays.leaves(X)[0]))
    return Rows(X, y, weight, None if groups is None else _group_ids(groups), when)


def require_compiled(model: Any) -> None:
    """Raise `ModelError` unless the model is a compiled Keras model."""
    if not hasattr(model, "fit") or not hasattr(model, "compiled"):
        raise ModelError(f"{type(model).__name__} is no Keras 3 model; remedy.fit takes keras.Model objects.")
    if not model.compiled:
        raise ModelError("The model is not compiled. Call model.compile(optimizer=..., loss=...) first.")


def build_if_needed(model: Any, X: Nest) -> None:
    """Build a Sequential model that was given no Input, so that its layers can be read."""
    if not model.built and type(model).__name__ == "Sequential" and isinstance(X, np.ndarray):
        model.build((None, *X.shape[1:]))


def _check_output(model: Any, rows: Rows) -> None:
    """Ask the loss itself whether it takes these labels for this output."""
    import keras

    build_if_needed(model, rows.X)
    shape = getattr(model, "output_shape", None) if model.built else None
    if not (isinstance(shape, tuple) and all(isinstance(s, int) for s in shape[1:]) and isinstance(rows.y, np.ndarray)):
        return
    if model.loss is None or isinstance(model.loss, (list, dict)):
        return
    try:
        loss = keras.losses.get(model.loss)
        sample = rows.y[:2].astype("float32")
        if (
            sample.ndim == len(shape) - 1
            and "Sparse" not in type(loss).__name__
            and "sparse" not in getattr(loss, "__name__", "")
        ):
            sample = sample[..., None]
        value = keras.ops.convert_to_numpy(loss(sample, np.full((len(sample), *shape[1:]), 0.5, "float32")))
    except (ValueError, TypeError) as error:
        name = model.loss if isinstance(model.loss, str) else getattr(model.loss, "name", type(model.loss).__name__)
        raise InvalidInput(
            f"y of shape {rows.y.shape} does not fit the model's output {shape} under {name}: "
            f"{str(error).splitlines()[0]} Change the units of the last layer, or the coding of y."
        ) from error
    except Exception:  # A backend that checks shapes in its own way: Keras will say it in fit.
        return
    del value


def _as_validation(rows: Rows) -> tuple[Any, ...]:
    return (rows.X, rows.y) if rows.sample_weight is None else (rows.X, rows.y, rows.sample_weight)


def _is_arrays(X: Any) -> bool:
    if isinstance(X, (list, tuple)):
        return bool(X) and all(_is_arrays(part) or np.isscalar(part) for part in X)
    if isinstance(X, Mapping):
        return bool(X) and all(_is_arrays(part) for part in X.values())
    return hasattr(X, "__array__") or hasattr(X, "to_numpy")


def _as_array(value: Any) -> Any:
    """Return an array; a data frame of numbers and truth values, which has no type of its own, as Keras casts it."""
    found = value if isinstance(value, np.ndarray) else np.asarray(value)
    kinds = {getattr(kind, "kind", "O") for kind in np.atleast_1d(np.asarray(getattr(value, "dtypes", "O"), "O"))}
    return found.astype("float32") if found.dtype == object and kinds <= set("biuf") else found


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


def _is_nested(weights: Any) -> bool:
    return isinstance(weights, Mapping) or (isinstance(weights, (list, tuple)) and any(map(np.ndim, weights)))


def _is_text(X: Any, model: Any) -> bool:
    """Say whether X holds text, and the model has a layer that reads it."""
    if not any(type(layer).__name__ in READ_TEXT for layer in model._flatten_layers()):
        return False
    leaves = [_as_array(leaf) for leaf in arrays.leaves(X)]
    return any(a.dtype.kind in "US" or (a.dtype == object and isinstance(a.flat[0], str)) for a in leaves if a.size)


def _task(model: Any, rows: Rows) -> Task:
    """Say what the labels ask for; an autoencoder's are its inputs, and no classes."""
    if len(arrays.leaves(rows.y)) == 1 and rebuilds(rows.X, rows.target):
        return "regression"
    return infer_task(rows.y, _loss_name(model), _output_units(model))


def _loss_name(model: Any) -> str | None:
    loss = getattr(model, "loss", None)
    if isinstance(loss, str):
        return loss
    return getattr(loss, "name", None) or getattr(loss, "__name__", None)


def _output_units(model: Any) -> int | None:
    shape = getattr(model, "output_shape", None) if model.built else None
    last = shape[-1] if isinstance(shape, tuple) and shape else None
    return last if isinstance(last, int) else None


def _spelled(lengths: Mapping[str, int]) -> str:
    return ", ".join(f"{name} has {n}" for name, n in lengths.items())


def _warn(text: str) -> None:
    warnings.warn(text, RemedyWarning, stacklevel=4)
