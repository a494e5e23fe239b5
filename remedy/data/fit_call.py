"""Reads a call of ``fit``: checks what can be checked before training, and splits as Keras would.

What Keras could not train on raises here, before the first step. What Keras would train on, but
remedy cannot see into, gives a `RemedyWarning` and a run that is watched without the parts that
need arrays.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import GeneratorType
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.array_rows import read_rows, warn
from remedy.data.arrival import Arrival, watched
from remedy.data.dataset import Dataset
from remedy.data.fit_arguments import (
    check_keywords,
    check_labels_are_there,
    check_stream,
    is_arrays,
    plain_arrays,
    with_balanced_weights,
)
from remedy.data.model_checks import check_output, heads_and_task, loss_name, output_units, require_compiled
from remedy.data.rows import Rows
from remedy.data.splitting import split
from remedy.data.streams import is_stream, read_stream
from remedy.data.task import infer_task
from remedy.errors import InvalidInput
from remedy.keras_internals import every_layer

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
        arrival: What is kept of streams while they are trained on; their rows are there after an epoch. None else.
        order: As given by the user, for rows that arrive later.
        unread: Why there is no dataset, in words; None where there is one, or rows arrive later.
    """

    X: Any
    y: Any
    kwargs: dict[str, Any]
    dataset: Dataset | None
    batch_size: int | None = None
    arrival: Arrival | None = None
    order: Any = None
    unread: str | None = None

    @property
    def dataset_is_whole(self) -> bool:
        """Whether the rows that are known are all that Keras trains on."""
        return self.dataset is None or self.dataset.complete

    @property
    def recipe_options(self) -> dict[str, Any]:
        """The keywords with the batch size that a stream brings, and whether there are validation rows."""
        validated = bool(self.kwargs.get("validation_split")) or self.kwargs.get("validation_data") is not None
        size = self.kwargs.get("batch_size") or self.batch_size
        return {**self.kwargs, "batch_size": size, "validated": validated}


def read_fit_call(
    model: Any,
    X: Any,
    y: Any,
    kwargs: Mapping[str, Any],
    groups: Any = None,
    seed: int = 0,
    order: Any = None,
    late: bool = False,
    searched: bool = False,
) -> FitCall:
    """Check a call of ``fit`` and read its data.

    Args:
        model: A Keras model.
        X, y: As ``Model.fit`` takes them.
        kwargs: Keywords of ``Model.fit``.
        groups: None, or one label a row, shape (n,): rows of a group stay on one side of a split.
        seed: Of a split by groups.
        order: None, True where rows stand in the order of time, or their times, shape (n,).
        late: Streams are not read now but kept as training meets them, so that nothing moves them.
        searched: Whether a remedy may be searched on the rows.

    Raises:
        ModelError: The model is not compiled.
        InvalidInput: Keras could not train on this.
    """
    require_compiled(model)
    check_keywords(model, kwargs)
    check_labels_are_there(model, X, y)
    X, y = plain_arrays(X), plain_arrays(y)
    kwargs = with_balanced_weights(kwargs, y)
    if groups is not None and order is not None and order is not False:
        raise InvalidInput("groups= and order= ask for two splits that exclude each other: give one of them.")
    if y is None and late and (is_stream(X) or isinstance(X, GeneratorType)):
        return _watch_stream_call(model, X, dict(kwargs), groups, order, searched)
    if y is None and is_stream(X):
        return _read_stream_call(model, X, dict(kwargs), groups, order)
    if y is None or not is_arrays(X):
        warn(
            f"X is a {type(X).__name__}, y a {type(y).__name__}, where arrays are expected: "
            "the run is logged and its loss is watched, but data and predictions are not examined and no "
            "remedy is searched. Give arrays, a tf.data.Dataset or a keras.utils.PyDataset for that."
        )
        return FitCall(X, y, dict(kwargs), None, unread="its rows are no arrays")
    if _is_nested(kwargs.get("sample_weight")):
        warn("remedy does not read sample weights for every output: the run's loss is watched, no remedy is searched.")
        return FitCall(X, y, dict(kwargs), None, unread="every output has sample weights of its own")
    text = _reads_text(model)
    if text and any(getattr(getattr(leaf, "dtype", None), "kind", "") in ("U", "S") for leaf in arrays.leaves(X)):
        raise InvalidInput("Keras takes text as Python's strings: give X.astype(object), or tf.constant(X).")
    rows = read_rows(X, y, kwargs.get("sample_weight"), groups, order=order, text=text)
    validation, share = kwargs.get("validation_data"), float(kwargs.get("validation_split") or 0.0)
    new_kwargs = dict(kwargs)
    if validation is not None and is_arrays(validation[0] if isinstance(validation, (tuple, list)) else validation):
        parts = (*map(plain_arrays, validation), None)[:3]
        given = read_rows(parts[0], parts[1], parts[2], None, "validation_data: ", text=text)
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
        task = infer_task(rows.y, loss_name(model), output_units(model))
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
    check_output(model, rows)
    heads, task = heads_and_task(model, rows)
    tail = bool(share and groups is None and held is not None and validation is None)
    data = Dataset(rows, held, task, validation_tail=tail, heads=heads)
    if held is None and validation is not None and is_stream(validation):
        if not late:
            return FitCall(X, y, new_kwargs, replace(data, validation=_whole(validation)))
        new_kwargs["validation_data"], kept = watched(validation, kwargs.get("validation_steps"))
        return FitCall(X, y, new_kwargs, data, arrival=None if kept is None else Arrival(rows, kept))
    return FitCall(X, y, new_kwargs, data)


def _whole(stream: Any) -> Rows | None:
    found = read_stream(stream)
    return None if found is None else found.rows


def _watch_stream_call(model: Any, X: Any, kwargs: dict[str, Any], groups: Any, order: Any, searched: bool) -> FitCall:
    """Put an eye on the streams of a call; their rows are there after the first epoch."""
    _no_positions(groups, order)
    check_stream(model, X, kwargs.get("steps_per_epoch"))
    X, kept = watched(X, kwargs.get("steps_per_epoch"), searched)
    if kept is None:
        warn(f"The rows of this {type(X).__name__} cannot be seen: the run is logged and its loss is watched only.")
        return FitCall(X, None, kwargs, None, unread="its rows cannot be seen")
    validation = kwargs.get("validation_data")
    held: Any = None
    if validation is not None and (is_stream(validation) or isinstance(validation, GeneratorType)):
        kwargs["validation_data"], held = watched(validation, kwargs.get("validation_steps"))
    elif isinstance(validation, (tuple, list)):
        parts = (*validation, None)[:3]
        try:
            held = read_rows(parts[0], parts[1], parts[2], None, "validation_data: ", text=True)
        except InvalidInput as error:
            warn(f"The validation rows are not looked at: {error}")
    return FitCall(X, None, kwargs, None, arrival=Arrival(kept, held), order=order)


def arrived(model: Any, call: FitCall) -> FitCall:
    """Return the call with the rows that have arrived; as it was while there are none.

    Raises:
        InvalidInput: The rows are such that nothing can be read from them.
    """
    arrival = call.arrival
    if arrival is None:
        return call
    train, held = arrival.sides()
    if train is None:
        return call
    rows = read_rows(
        train.X, train.y, train.sample_weight, train.groups, order=call.order if call.order else train.order, text=True
    )
    heads, task = heads_and_task(model, rows)
    task = task if call.dataset is None else call.dataset.task
    data = Dataset(rows, held, task, complete=arrival.complete, total_rows=arrival.total, heads=heads)
    if arrival.repeats:
        data = replace(data, apart=False, kin="a stream cut by steps, whose rows may come again in another form")
    return replace(call, dataset=data, batch_size=arrival.batch_size)


def _no_positions(groups: Any, order: Any) -> None:
    """Refuse what goes by the positions of rows, which those of a stream have not."""
    if groups is not None or (order is not None and order is not True):
        raise InvalidInput(
            "groups= needs arrays, times in order= too: the rows of a stream have no positions. Give X and y as arrays."
        )


def _read_stream_call(model: Any, X: Any, kwargs: dict[str, Any], groups: Any, order: Any) -> FitCall:
    """Read a ``tf.data.Dataset`` or ``PyDataset``; Keras still gets the stream itself."""
    _no_positions(groups, order)
    stream = read_stream(X)
    if stream is None:
        warn(f"The batches of this {type(X).__name__} hold no labels: the run is logged and its loss is watched only.")
        return FitCall(X, None, kwargs, None, unread="its batches hold no labels")
    if not stream.complete:
        warn(
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
        held = read_rows(parts[0], parts[1], parts[2], None, "validation_data: ", text=True)
    rows = read_rows(stream.rows.X, stream.rows.y, stream.rows.sample_weight, order=order, text=True)
    heads, task = heads_and_task(model, rows)
    data = Dataset(rows, held, task, complete=stream.complete, total_rows=stream.total, heads=heads)
    return FitCall(X, None, kwargs, data, stream.batch_size)


def _as_validation(rows: Rows) -> tuple[Any, ...]:
    return (rows.X, rows.y) if rows.sample_weight is None else (rows.X, rows.y, rows.sample_weight)


def _is_nested(weights: Any) -> bool:
    return isinstance(weights, Mapping) or (isinstance(weights, (list, tuple)) and any(map(np.ndim, weights)))


def _reads_text(model: Any) -> bool:
    """Say whether a model has a layer that reads text."""
    return any(type(layer).__name__ in READ_TEXT for layer in every_layer(model, itself=True))
