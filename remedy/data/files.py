"""Data for `remedy tune`: what a run kept, or a file or a function that the user names on the command line.

A function runs only because it was named there, never because a run's tags name it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.array_rows import read_rows
from remedy.data.dataset import Dataset
from remedy.data.heads import from_text
from remedy.data.rows import Rows
from remedy.data.streams import is_stream, read_stream
from remedy.data.task import infer_task
from remedy.errors import InvalidInput

ROWS, APART = ("X", "y", "sample_weight"), ("groups", "order")
"""Parts of either side of a split: what the rows are, and what says which of them a split has to keep together."""


def load(source: str) -> Dataset:
    """Return the dataset that ``source`` names.

    Args:
        source: An ``.npz`` file that remedy kept, or one with arrays ``X`` and ``y`` (and
            ``X_val`` and ``y_val``); or ``package.module:function``, a function without arguments
            that returns ``(X, y)``, ``(X, y, X_val, y_val)``, a `Dataset`, or a stream as ``Model.fit``
            takes it, alone or beside the stream of validation rows. The working folder is searched first.

    Raises:
        InvalidInput: Neither, or it holds something else.
    """
    if source.endswith(".npz"):
        return _from_file(Path(source))
    module, colon, function = source.partition(":")
    if not colon:
        raise InvalidInput(f"--data {source!r}: give a FILE.npz or package.module:function.")
    sys.path.insert(0, str(Path.cwd()))
    try:
        loader = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise InvalidInput(f"--data {source!r}: {error}.") from error
    finally:
        sys.path.pop(0)
    found = loader()
    if isinstance(found, Dataset):
        return found
    streams = found if isinstance(found, tuple) else (found,)
    if streams and all(map(is_stream, streams)) and len(streams) <= 2:
        return _from_streams(source, *streams)
    if not isinstance(found, tuple) or len(found) not in (2, 4):
        raise InvalidInput(
            f"--data {source!r} returned {type(found).__name__}; return (X, y), (X, y, X_val, y_val), or a stream."
        )
    return _dataset(*found)


def _from_streams(source: str, train: Any, validation: Any = None) -> Dataset:
    """Return the rows of streams, of large ones the first."""
    try:
        sides = [read_stream(stream) for stream in (train, validation) if stream is not None]
    except ValueError as error:
        raise InvalidInput(f"--data {source!r}: the stream gives single rows. Return it with .batch(32).") from error
    if any(side is None for side in sides):
        raise InvalidInput(f"--data {source!r}: the batches of the stream hold no labels, or no numbers.")
    first, *others = sides
    assert first is not None
    held = others[0].rows if others and others[0] is not None else None
    return Dataset(first.rows, held, infer_task(first.rows.y, None, None), total_rows=first.total)


def _from_file(path: Path) -> Dataset:
    if not path.exists():
        raise InvalidInput(f"--data {path}: there is no such file.")
    with np.load(path, allow_pickle=False) as pack:
        names = set(pack.files)
        if "task" in names:
            return read_dataset(path.read_bytes())
        if not {"X", "y"} <= names:
            raise InvalidInput(f"--data {path} holds {', '.join(sorted(names))}; it needs X and y.")
        held = (pack["X_val"], pack["y_val"]) if {"X_val", "y_val"} <= names else ()
        return _dataset(pack["X"], pack["y"], *held)


def _dataset(X: Any, y: Any, X_val: Any = None, y_val: Any = None) -> Dataset:
    train = read_rows(X, y)
    held = None if X_val is None else read_rows(X_val, y_val, where="validation: ")
    return Dataset(train, held, infer_task(train.y, None, None))


def packed(dataset: Dataset, parts: Sequence[str]) -> dict[str, Any]:
    """Return parts of a dataset's rows as arrays for an ``.npz``."""
    found: dict[str, Any] = {}
    for side, rows in (("train", dataset.train), ("validation", dataset.validation)):
        for part in parts if rows is not None else ():
            found |= arrays.flatten_for_npz(getattr(rows, part), f"{side}/{part}")
    return found


def read_dataset(content: bytes, apart: bytes | None = None) -> Dataset:
    """Read a dataset from the bytes of what `remedy.tracking.artifacts.keep_data` wrote.

    Args:
        content: Of the ``.npz`` of the rows.
        apart: Of that of their groups and times, if there is one.
    """
    parts: dict[str, Any] = {}
    for part in (content, apart):
        if part is not None:
            with np.load(io.BytesIO(part), allow_pickle=False) as pack:
                parts |= {key: pack[key] for key in pack.files}
    sides = []
    for side in ("train", "validation"):
        known = [arrays.restore_from_npz(parts, f"{side}/{part}") for part in (*ROWS, *APART)]
        sides.append(None if known[0] is None else Rows(*known))
    heads = from_text(str(parts["heads"])) if "heads" in parts else ()
    return Dataset(sides[0], sides[1], str(parts["task"]), heads=heads)  # type: ignore[arg-type]
