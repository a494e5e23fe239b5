"""What is kept of a stream while it is trained on: all of it, or batches drawn over an epoch with the same chance."""

from __future__ import annotations

import mmap
import random
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.rows import Rows
from remedy.data.streams import WHOLE_BYTES, readable
from remedy.data.text import as_text, is_text

MOST_PASSES = 4
"""Epochs after which a stream that still gives new rows is taken for one without end."""

OWN_PAGES = 1 << 20
"""Bytes of a batch from which it gets memory of its own."""

SEARCHED_ROWS, SEARCHED_BYTES = 1000, 1 << 30
"""Rows that a search should find in a sample, however large they are, and bytes that they may take at most."""

NEW = 0.02
"""Share of the rows of an epoch that must be new for it to have brought some."""


@dataclass
class Kept:
    """What was kept of a stream so far.

    Attributes:
        searched: Whether a remedy may be searched on the rows.
        batches: Parts of every batch, in the order of training; by place where a stream has places.
        batch_size: Rows of the first batch.
        unread: Why its rows cannot be read, in words; None where they can.
        ended: Whether all rows are there, or no more are kept.
        complete: Whether these are all rows. Of a stream that is larger than what is kept, batches are drawn over all
            of an epoch, each with the same chance (Vitter, "Random sampling with a reservoir", 1985).
        total: Rows that training met in the first epoch.
        expected: Batches of an epoch, where the stream says so.
    """

    steps_per_epoch: int | None = None
    searched: bool = False
    batches: dict[int, Any] = field(default_factory=dict)
    batch_size: int = 0
    unread: str | None = None
    ended: bool = False
    complete: bool = False
    total: int = 0
    expected: int | None = None
    _full: bool = False
    _draw: Any = field(default_factory=lambda: random.Random(0), repr=False)
    _size: int = 0
    _passes: int = 0
    _distinct: int = 0
    _offered: int = 0
    _looked_at: int = 0
    _skipped: bool = False
    _shapes: Any = None
    _lock: Any = field(default_factory=threading.Lock, repr=False)
    _whole: Rows | None = field(default=None, repr=False)

    def leave_unread(self, why: str) -> None:
        """Keep no row, and say why."""
        self.unread = why

    def keep(self, batch: Any, place: int | None = None) -> None:
        """Keep a batch, given as ``(x, y)`` or ``(x, y, sample_weight)``; never raises."""
        self._offered += 1
        if self.ended or self.unread:
            return
        try:
            with self._lock:
                self._keep(batch, place)
        except Exception as error:
            self.unread = f"its batches could not be read ({type(error).__name__})"

    def _keep(self, batch: Any, place: int | None) -> None:
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            self.unread = "its batches hold no labels"
            return
        number = self._offered - 1 if place is None else place
        if self._full and (number in self.batches or not self._is_drawn()):
            self.total += _length(batch[0]) if self._passes == 0 else 0
            return  # Not even copied: photos arrive hardly faster than they are copied.
        given = batch[:2] if len(batch) == 2 or batch[2] is None else batch[:3]
        parts = tuple(arrays.tree_map(_copied, part) for part in given)
        leaves = arrays.leaves(parts)
        if not readable(parts) or not arrays.leaves(parts[1]):
            self.unread = "its batches hold no labels" if not arrays.leaves(parts[1]) else "its rows are no numbers"
            return
        shapes = [leaf.shape[1:] for leaf in leaves]
        if self._shapes is None:
            self._shapes, self.batch_size = shapes, len(leaves[0])
        if shapes != self._shapes:
            self._skipped = True  # Padded batch by batch: those like the first are looked at.
            return
        self.total += len(leaves[0]) if self._passes == 0 else 0
        if number in self.batches:
            return
        size = arrays.nbytes(parts)
        if not self._full and self._size + size > self._room(size / max(1, len(leaves[0]))):
            self._full = True
            if not self._is_drawn():
                return
        if self._full:
            dropped = self._draw.choice(list(self.batches))
            self._size -= arrays.nbytes(self.batches.pop(dropped))
        self.batches[number] = parts
        self._size += size

    def _room(self, row: float) -> float:
        """Return the bytes that may be kept, given those of a row: a search of photos needs some hundreds of them."""
        return max(WHOLE_BYTES, min(SEARCHED_BYTES, SEARCHED_ROWS * row)) if self.searched else WHOLE_BYTES

    def _is_drawn(self) -> bool:
        """Decide whether a further batch takes the place of one that is kept."""
        return self._draw.random() * self._offered < len(self.batches)

    def epoch_over(self) -> None:
        """Decide after an epoch whether all rows are there; never raises."""
        try:
            self._decide()
        except Exception as error:
            self.unread = f"its rows could not be compared ({type(error).__name__})"

    def _decide(self) -> None:
        if self.ended or not self.batches or self._offered == self._looked_at:
            return
        self._passes, self._looked_at = self._passes + 1, self._offered
        if self.steps_per_epoch is None:
            # An epoch without a number of steps is the whole stream.
            broken = self.expected is not None and self._offered < self.expected  # A callback ended the epoch early.
            self.ended, self.complete = True, not (self._skipped or self._full or broken)
            return
        if self._full:  # What repeats itself cannot be told from what is new: a sample is all there is.
            self.ended = True
            return
        distinct = len(np.unique(self._keys()))
        new, self._distinct = distinct - self._distinct, distinct
        if self._passes > 1 and new < NEW * self.steps_per_epoch * self.batch_size:
            self.ended, self.complete = True, not self._skipped
        elif self._passes >= MOST_PASSES:
            self.ended = True

    def rows(self) -> Rows | None:
        """Return the rows that were kept; of a stream that repeats itself each once. None where there are none."""
        if self.unread or not (self.batches or self._whole):
            return None
        if self._whole is not None:
            return self._whole
        kept = None
        if self.steps_per_epoch is not None:
            kept = np.sort(np.unique(self._keys(), return_index=True)[1])
        batches = [self.batches[place] for place in sorted(self.batches)]
        if self.ended:  # Nothing comes any more: the batches give way to the rows, one after the other.
            self.batches = {}
        whole = arrays.joined(batches)
        found = Rows(whole[0], whole[1], whole[2] if len(whole) == 3 else None)
        found = found if kept is None or len(kept) == len(found) else found.take(kept)
        self._whole = found if self.ended else None
        return found

    def _keys(self) -> Any:
        kept = (arrays.leaves(self.batches[place]) for place in sorted(self.batches))
        return np.array(
            [hash(b"".join(_row(leaf, i) for leaf in parts)) for parts in kept for i in range(len(parts[0]))]
        )


def _row(leaf: Any, i: int) -> bytes:
    """Return a row as bytes: text by what it says, and not by where it lies."""
    return str(leaf[i]).encode() if leaf.dtype == object else bytes(leaf[i].tobytes())


def _length(value: Any) -> int:
    """Return the rows of a batch, by the first of its arrays."""
    return len(arrays.leaves(value)[0])


def _copied(value: Any) -> Any:
    """Return a batch as an array of its own: a stream may write into the same memory again."""
    given = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    if given.nbytes < OWN_PAGES or given.dtype.hasobject:
        found = np.array(given)
        return as_text(found) if is_text(found) else found
    how = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    pages = mmap.mmap(-1, given.nbytes, **how)  # They go back when the batch is dropped; the heap would keep them.
    own = np.frombuffer(pages, given.dtype).reshape(given.shape)
    own[...] = given
    return own
