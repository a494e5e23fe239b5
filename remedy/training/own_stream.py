"""The user's own stream as a recipe trains on it: without the rows that are set aside, weighted, drawn, coded, batched.

A search works on what was read of a large stream; what is handed over is trained on all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.array_rows import as_array
from remedy.data.dataset import Dataset
from remedy.data.kinship import row_keys
from remedy.data.rows import Rows
from remedy.data.scores import class_ids
from remedy.data.streams import one_pass
from remedy.evidence.static import KERAS_BATCH_SIZE, row_weights
from remedy.recipe.recipe import Recipe

MET = 0.95
"""Share of the rows set aside that a pass must meet: a stream that gives other rows every time keeps nothing apart."""


class NotApart(Exception):
    """The rows that were set aside do not come again as they were: the stream would train on them in another form."""


class OwnStream:
    """Passes over a stream; each is an epoch.

    Attributes:
        rows: Rows of the last pass that were trained on, before any is drawn more than once.
    """

    def __init__(self, source: Any, steps: int | None, recipe: Recipe, dataset: Dataset, aside: Sequence[Rows]) -> None:
        """Prepare; nothing is read yet.

        Args:
            source: A ``tf.data.Dataset`` or ``keras.utils.PyDataset`` of ``(x, y)`` or ``(x, y, sample_weight)``.
            steps: Its batches an epoch, where the user said so.
            recipe: How to train; its ``target`` is applied here.
            dataset: What was read of the stream: forms, and shares of the classes.
            aside: Rows that must not be trained on.
        """
        self._source, self._steps, self._recipe, self._like = source, steps, recipe, dataset.train
        self._aside = {key for side in aside for key in row_keys(side.X)}
        self._size = recipe.batch_size or KERAS_BATCH_SIZE
        self._factors, self._draw = _factors(recipe, dataset), np.random.default_rng(0)
        self.rows, self._met = 0, 0

    def dataset(self) -> Any:
        """Return a ``tf.data.Dataset`` of ``(x, y, sample_weight)``; iterated again it is another pass."""
        import tensorflow as tf

        example = self._ready(self._like.take(np.arange(1)))
        signature = arrays.tree_map(lambda part: tf.TensorSpec((None, *part.shape[1:]), part.dtype), example)
        return tf.data.Dataset.from_generator(self._pass, output_signature=signature).prefetch(2)

    def apart(self) -> bool:
        """Say whether the last pass met the rows that are set aside, and left them out."""
        return self._met >= MET * len(self._aside)

    def _pass(self) -> Iterator[Any]:
        met: set[int] = set()
        self.rows, waiting = 0, []
        for batch in one_pass(self._source, self._steps):
            parts = [arrays.tree_map(as_array, part) for part in batch if part is not None]
            rows = Rows(parts[0], parts[1], parts[2] if len(parts) > 2 else None)
            keys = row_keys(rows.X)  # Mirrored copies have the same.
            kept = np.array([key not in self._aside for key in keys], dtype=bool)
            met.update(key for key, is_kept in zip(keys, kept, strict=True) if not is_kept)
            self.rows += int(kept.sum())
            waiting.append(self._drawn(rows.take(np.flatnonzero(kept))))
            while sum(map(len, waiting)) >= self._size:
                whole = _joined(waiting)
                yield self._ready(whole.take(np.arange(self._size)))
                waiting = [whole.take(np.arange(self._size, len(whole)))]
        if sum(map(len, waiting)):
            yield self._ready(_joined(waiting))
        self._met = len(met)

    def _drawn(self, rows: Rows) -> Rows:
        """Return the rows with those of rare classes several times, and those of frequent ones now and then."""
        if not self._factors or not len(rows):
            return rows
        wanted = np.array([self._factors.get(int(label), 1.0) for label in class_ids(rows.target)])
        times = np.floor(wanted + self._draw.random(len(wanted))).astype("int64")
        return rows.take(np.repeat(np.arange(len(rows)), times))

    def _ready(self, rows: Rows) -> Any:
        coded = self._recipe.coded(rows)
        return coded.X, coded.y, row_weights(coded, self._recipe.class_weight).astype("float32")


def _joined(parts: Sequence[Rows]) -> Rows:
    weights = [part.sample_weight for part in parts if part.sample_weight is not None]
    X, y = (arrays.concatenate(*[getattr(part, name) for part in parts]) for name in ("X", "y"))
    return Rows(X, y, np.concatenate(weights) if weights else None)


def _factors(recipe: Recipe, dataset: Dataset) -> Mapping[int, float]:
    """Return how often a row of every class is drawn; empty where each is once."""
    counts = {c: n for c, n in (dataset.class_counts or {}).items() if n}
    if recipe.resampling is None or not counts:
        return {}
    share = sum(counts.values()) / len(counts) if recipe.resampling.kind == "balanced" else max(counts.values())
    return {label: share / n for label, n in counts.items()}


def fits(recipe: Recipe, dataset: Dataset) -> bool:
    """Say whether a recipe can train on a stream: numbers, one output, no mixtures of rows, no new split."""
    rows = dataset.train
    numbers = all(part.dtype.kind in "biuf" for part in arrays.leaves(rows.X)) and not isinstance(rows.X, (list, tuple))
    one = isinstance(rows.y, np.ndarray) and rows.y.ndim <= 2
    weighted = rows.sample_weight is None or rows.sample_weight.ndim == 1
    plain = recipe.resampling is None or recipe.resampling.kind != "smote"
    return numbers and one and weighted and plain and not recipe.resplit and recipe.restarts == 1 and rows.order is None


class Apart(keras.callbacks.Callback):
    """Breaks a training off after its first pass, where the rows that were set aside did not come again."""

    def __init__(self, stream: OwnStream) -> None:
        """Take the stream that is trained on."""
        super().__init__()
        self._stream = stream

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ask the stream.

        Raises:
            NotApart: Rows set aside were trained on in another form, or cannot be found again.
        """
        if not self._stream.apart():
            raise NotApart
