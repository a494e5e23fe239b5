"""Streams with an eye on them: what training meets is kept, for looking at a stream by itself would move it.

A stream that is shuffled, counts its passes, draws random numbers or can be read once gives other rows to a training
when somebody has read it before. So Keras is handed the same stream with an eye on it, and after an epoch remedy has
the rows of that epoch. Of a stream without end the rows of further epochs are kept until no new ones come.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from remedy.data.kept import Kept
from remedy.data.rows import Rows
from remedy.data.streams import batch_count, is_stream


def watched(stream: Any, steps_per_epoch: int | None, searched: bool = False) -> tuple[Any, Kept | None]:
    """Return a stream that gives the same batches and keeps them, and what it keeps; None where it cannot.

    Args:
        stream: What ``Model.fit`` is given: a ``tf.data.Dataset``, a ``PyDataset`` or a generator.
        steps_per_epoch: As given to ``fit``, or None.
        searched: Whether a remedy may be searched on the rows; more of very large ones are kept then.
    """
    kept = Kept(steps_per_epoch, searched, expected=batch_count(stream) if is_stream(stream) else None)
    if isinstance(stream, types.GeneratorType):
        return _generator(stream, kept), kept
    if not is_stream(stream):
        return stream, None
    if hasattr(stream, "element_spec"):
        return _tf_data(stream, kept)
    if getattr(stream, "use_multiprocessing", False):
        return stream, None  # Its batches are made in other processes.
    return _py_dataset(stream, kept), kept


def _generator(stream: Any, kept: Kept) -> Iterator[Any]:
    for batch in stream:
        kept.keep(batch)
        yield batch


def _tf_data(stream: Any, kept: Kept) -> tuple[Any, Kept | None]:
    import tensorflow as tf

    spec = stream.element_spec
    leaves = tf.nest.flatten(spec)
    if not isinstance(spec, tuple) or not all(isinstance(leaf, tf.TensorSpec) for leaf in leaves):
        kept.leave_unread("its rows are no arrays" if isinstance(spec, tuple) else "its batches hold no labels")
        return stream, kept
    if any(leaf.shape.rank == 0 for leaf in leaves):
        return stream, None  # Not batched; Keras will say so.

    def eye(*batch: Any) -> Any:
        flat = tf.nest.flatten(batch)

        def keep(*parts: Any) -> Any:
            kept.keep(tf.nest.pack_sequence_as(spec, parts))
            return np.int64(0)

        seen = tf.numpy_function(keep, flat, tf.int64)
        with tf.control_dependencies([seen]):
            return tf.nest.map_structure(tf.identity, batch)

    return stream.map(eye), kept


def _py_dataset(stream: Any, kept: Kept) -> Any:
    import keras

    class Watched(keras.utils.PyDataset):
        """The user's dataset with an eye on it."""

        def __init__(self) -> None:
            workers, queue = stream.workers, stream.max_queue_size
            super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=queue)

        @property
        def num_batches(self) -> Any:
            return stream.num_batches

        def __getitem__(self, place: int) -> Any:
            batch = stream[place]
            kept.keep(batch, place)
            return batch

        def on_epoch_begin(self) -> None:
            stream.on_epoch_begin()

        def on_epoch_end(self) -> None:
            stream.on_epoch_end()

    return Watched()


@dataclass
class Arrival:
    """Rows that are there after an epoch: of the training side, of the validation side, or of both.

    Attributes:
        train, held: What is kept of a stream, or rows that were there from the start; None for no validation.
    """

    train: Kept | Rows
    held: Kept | Rows | None = None

    def epoch_over(self) -> None:
        """Tell both sides that an epoch is over."""
        for side in (self.train, self.held):
            if isinstance(side, Kept):
                side.epoch_over()

    @property
    def unread(self) -> str | None:
        """Why the rows cannot be read."""
        return self.train.unread if isinstance(self.train, Kept) else None

    @property
    def batch_size(self) -> int | None:
        """Rows of a batch of the stream, once known."""
        return (self.train.batch_size or None) if isinstance(self.train, Kept) else None

    @property
    def complete(self) -> bool:
        """Whether all training rows are there."""
        return self.train.complete if isinstance(self.train, Kept) else True

    @property
    def total(self) -> int | None:
        """Rows of an epoch where those that are kept are a sample."""
        known = isinstance(self.train, Kept) and not self.train.complete and self.train.ended
        return self.train.total if known and isinstance(self.train, Kept) else None

    @property
    def repeats(self) -> bool:
        """Whether the rows that are kept may be copies of one another: an endless stream that gives new rows always."""
        return isinstance(self.train, Kept) and not self.train.complete and self.train.steps_per_epoch is not None

    @property
    def settled(self) -> bool:
        """Whether waiting for another epoch brings nothing."""
        return not isinstance(self.train, Kept) or self.train.ended or self.train.unread is not None

    def sides(self) -> tuple[Rows | None, Rows | None]:
        """Return the training and the validation rows as far as they are there."""
        train, held = (side.rows() if isinstance(side, Kept) else side for side in (self.train, self.held))
        return train, held
