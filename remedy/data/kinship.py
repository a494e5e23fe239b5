"""Rows that are copies, near copies or overlapping windows of one another: no split may part them.

A network that has seen one of them knows the answer of the other, so a score on the other side promises what new rows
will not keep (Kaufman et al., "Leakage in Data Mining", ACM TKDD 6(4), 2012). Found are rows that are equal (repeated
streams, oversampling by hand), equal but for a flip of a picture, shifted against each other (windows of one series),
or far nearer to each other than chance would put them (noise added to copies).
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest

FEW_COLUMNS = 8
"""Rows of so few whole numbers repeat by themselves; they are no copies."""

SAMPLE = 256
"""Rows that are looked at before all of them are."""

LEAST_STEPS, BLOCK_SHARE = 4, 1 / 3
"""Shorter windows are not compared; and the share of a window that must agree to look at the rest of it."""

UNLIKELY = 10
"""Windows overlap where they agree in so many steps that of so many such searches chance finds one pair at most."""

MOST_PIECES = 200_000
"""Pieces of windows that are looked up in a first look: fewer windows where each is long."""

SOME = 0.05
"""Share of the looked-at rows that must have kin before all rows are compared."""

SERIES, LARGEST = 10, 0.2
"""From so many separate series on, none of them with more than this share of the rows, a series is a group; fewer are
split along time."""

NEAREST, FURTHER, NEARER = 15, 30, 0.3
"""A neighbour is a near copy where its distance is this share of what the distances to the 15th and the 30th lead one
to expect of the nearest: distances to the k-th neighbour grow with k to the power 1/dimension."""

PIXELS = 64
"""Of pictures with longer edges half as many pixels along each are compared, and with each the one that a flip puts in
its place."""

MOST_ROWS, LEAST_COLUMNS, PROJECTED = 20_000, 4, 32
"""Near copies are looked for in at most so many rows, of at least so many values, seen from so many directions."""


@dataclass(frozen=True)
class Kinship:
    """Which rows belong together.

    Attributes:
        groups: An id a row, shape (n,); rows with the same id must stand on one side.
        positions: Where each row stands on one line of time, shape (n,), where only a split along time parts them.
        span: Positions that one row covers: rows nearer to each other than that overlap.
        series: The series that every row belongs to, shape (n,), where there are positions.
        text: What was found, as the end of a sentence.
    """

    groups: Array
    positions: Array | None = None
    span: int = 0
    text: str = ""
    series: Array | None = None

    def take(self, index: Array) -> Kinship:
        """Return the kinship of some of the rows."""
        place, series = (None if part is None else part[index] for part in (self.positions, self.series))
        return replace(self, groups=self.groups[index], positions=place, series=series)

    def units(self, groups: Array | None) -> Array:
        """Return an id a row: windows that overlap, copies, and rows of a group stand for one thing."""
        if self.positions is None:
            return self.with_groups(groups)
        block = self.positions // max(1, self.span)
        return block if self.series is None else self.series * (int(block.max(initial=0)) + 1) + block

    def with_groups(self, groups: Array | None) -> Array:
        """Return groups that keep both the rows of a group and kin together."""
        if groups is None:
            return self.groups
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        kin = self.groups if self.series is None else self.series
        own, ours = (np.unique(part, return_inverse=True)[1] for part in (groups, kin))
        n, size = own.max() + 1, own.max() + ours.max() + 2
        links = coo_matrix((np.ones(len(own)), (own, n + ours)), shape=(size, size))
        return np.asarray(connected_components(links, directed=False)[1][own])


def kinship(X: Nest, *more: Nest) -> Kinship | None:
    """Return which rows belong together; None where every row stands for itself.

    Args:
        X: Nest of arrays of shape (n, ...).
        *more: Further rows of the same kind, which stand behind these.

    Example:
        >>> kinship(np.repeat(np.random.rand(50, 9), 2, axis=0)).text
        '50 of 100 rows are copies of others'
    """
    sides = [[_thin(np.asarray(part)) for part in arrays.leaves(nest)] for nest in (X, *more)]
    parts = [same[0] if len(same) == 1 else np.concatenate(same) for same in zip(*sides, strict=True)]
    n = len(parts[0]) if parts else 0
    if any(part.dtype == object for part in parts):
        return _equal_texts(parts)
    if n < 2 or _few_whole_numbers(parts):
        return None
    ids = _ids(_keys(parts))
    copies = n - len(np.unique(ids))
    found = Kinship(ids, text=f"{copies} of {n} rows are copies of others") if copies else None
    windows = _windows(parts) or (None if copies else _near(parts))
    if windows is None:
        return found
    if found is None:
        return windows
    return replace(windows, groups=windows.with_groups(ids), text=f"{found.text}, and {windows.text}")


def _equal_texts(parts: list[Array]) -> Kinship | None:
    """Return which rows of text are equal; words shared by chance make no two rows kin."""
    ids = _ids(_keys(parts))
    copies = len(ids) - len(np.unique(ids))
    return Kinship(ids, text=f"{copies} of {len(ids)} rows are copies of others") if copies else None


def _few_whole_numbers(parts: list[Array]) -> bool:
    columns = sum(int(np.prod(part.shape[1:])) for part in parts)
    return columns <= FEW_COLUMNS and all(bool(np.all(part == np.round(part))) for part in parts)


def row_keys(X: Nest) -> list[int]:
    """Return a number for every row of a nest, the same for equal rows and for mirrored pictures."""
    return _keys([_thin(np.asarray(part)) for part in arrays.leaves(X)])


def _thin(part: Array) -> Array:
    """Return some pixels of large pictures, the same ones when they are mirrored; all else as it is."""
    if part.ndim != 4 or max(part.shape[1:3]) <= PIXELS:
        return part
    rows, columns = (arrays.spread(edge, PIXELS // 4) for edge in part.shape[1:3])
    places = [np.union1d(some, edge - 1 - some) for some, edge in zip((rows, columns), part.shape[1:3], strict=True)]
    return part[:, places[0]][:, :, places[1]]


def _keys(parts: list[Array]) -> list[int]:
    """Return a number a row, the same for equal rows and for pictures that are mirrored."""
    ways = [(), (2,), (1,), (1, 2)] if any(part.ndim == 4 for part in parts) else [()]
    keys: Any = None
    for axes in ways:
        turned = [np.flip(part, axes) if axes and part.ndim == 4 else part for part in parts]
        flat = [_flat(part) for part in turned]
        more = [_digest(b"".join(_bytes(part[i]) for part in flat)) for i in range(len(flat[0]))]
        keys = more if keys is None else list(map(min, keys, more))
    return list(keys)


def _flat(part: Array) -> Array:
    flat = np.ascontiguousarray(part).reshape(len(part), -1)
    return flat if part.dtype == object else flat + np.zeros(1, part.dtype)  # -0.0 and 0.0 are equal.


def _bytes(row: Array) -> bytes:
    return "\0".join(map(str, row)).encode() if row.dtype == object else row.tobytes()


def _digest(row: bytes) -> int:
    """Return a number that is the same in every process: a search that goes on later must split alike."""
    return int.from_bytes(hashlib.blake2b(row, digest_size=8).digest(), "big", signed=True)


def _ids(keys: list[int]) -> Array:
    return np.asarray(np.unique(np.array(keys, dtype="int64"), return_inverse=True)[1])


def _windows(parts: list[Array]) -> Kinship | None:
    """Look for windows that are others shifted along time, and lay them along one line."""
    part = next((p for p in parts if p.ndim in (2, 3) and p.shape[1] >= LEAST_STEPS), None)
    if part is None or len(part) < SAMPLE // 8:
        return None
    n, steps = part.shape[:2]
    block = max(3, int(BLOCK_SHARE * steps))
    least = max(block, _telling(part))
    if least >= steps:
        return None
    starts: dict[int, list[int]] = defaultdict(list)
    for row in range(n):
        starts[_hashed(part[row, :block])].append(row)
    looked = arrays.spread(n, min(SAMPLE, max(SAMPLE // 8, MOST_PIECES // steps)))
    shifts = [found[1] for row in looked if (found := _follower(part, int(row), range(1, steps - least + 1), starts))]
    if len(shifts) < SOME * len(looked):
        return None
    likely = sorted(set(shifts))
    links = {row: found for row in range(n) if (found := _follower(part, row, likely, starts))}
    series, place = _laid_out(n, links)
    text = f"{len(links)} of {n} windows overlap others"
    counts = np.bincount(series)
    if len(counts) >= SERIES and counts.max() <= LARGEST * n:
        return Kinship(series, text=text)
    # Few series: they stand one behind the other, further apart than a window is long.
    lengths = np.zeros(len(counts), dtype="int64")
    np.maximum.at(lengths, series, place + 1)
    begin = np.concatenate([[0], np.cumsum(lengths + 2 * steps)[:-1]])
    return Kinship(np.arange(n), place + begin[series], steps, text, series)


def _telling(part: Array) -> int:
    """Return how many steps have to agree so that chance hardly brings one such pair about.

    Rows of few different values, such as answers from 1 to 5, agree in some steps wherever one looks.
    """
    n, steps = part.shape[:2]
    kinds = max(2, len(np.unique(part[:1000])))
    return math.ceil(math.log(UNLIKELY * n * n * steps) / (math.log(kinds) * max(1, int(np.prod(part.shape[2:])))))


def _hashed(block: Array) -> int:
    return hash(np.ascontiguousarray(block).tobytes())


def _follower(part: Array, row: int, shifts: Any, starts: dict[int, list[int]]) -> tuple[int, int] | None:
    """Return the row that begins inside this one, by the fewest steps, and how many those are."""
    block = max(3, int(BLOCK_SHARE * part.shape[1]))
    for shift in shifts:
        piece = part[row, shift : shift + block]
        alike = starts.get(_hashed(piece), ()) if len(piece) == block else ()
        if not alike or len(np.unique(piece)) < 3:
            continue  # Padding and silence look like any other.
        for other in alike[:4]:
            if other != row and np.array_equal(part[row, shift:], part[other, : part.shape[1] - shift]):
                return other, int(shift)
    return None


def _laid_out(n: int, links: dict[int, tuple[int, int]]) -> tuple[Array, Array]:
    """Return the series of every row, and its place in it."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ahead = np.array([(row, other) for row, (other, _) in links.items()]).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(ahead)), (ahead[:, 0], ahead[:, 1])), shape=(n, n))
    series = np.asarray(connected_components(graph, directed=False)[1])
    beside: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row, (other, shift) in links.items():
        beside[row].append((other, shift))
        beside[other].append((row, -shift))
    place, seen = np.zeros(n, dtype="int64"), np.zeros(n, dtype=bool)
    for first in range(n):
        waiting = [] if seen[first] else [first]
        seen[first] = True
        while waiting:
            row = waiting.pop()
            for other, shift in beside[row]:
                if not seen[other]:
                    seen[other], place[other] = True, place[row] + shift
                    waiting.append(other)
    low = np.full(series.max() + 1 if n else 0, np.iinfo("int64").max)
    np.minimum.at(low, series, place)
    return series, place - low[series]


def _near(parts: list[Array]) -> Kinship | None:
    """Look for rows that lie far nearer to each other than chance puts rows of such data."""
    n = len(parts[0])
    if not FURTHER < n <= MOST_ROWS or sum(int(np.prod(part.shape[1:])) for part in parts) < LEAST_COLUMNS:
        return None
    from sklearn.neighbors import NearestNeighbors

    flat = np.concatenate([part.reshape(n, -1).astype("float32") for part in parts], axis=1)
    with np.errstate(all="ignore"):
        spread = flat.std(0, dtype="float64")
        flat = ((flat - flat.mean(0, dtype="float64")) / spread)[:, spread > 0].astype("float32")
    if flat.shape[1] < LEAST_COLUMNS or not np.isfinite(flat).all():
        return None
    if flat.shape[1] > PROJECTED:
        rng = np.random.default_rng(0)
        flat = flat @ rng.standard_normal((flat.shape[1], PROJECTED)).astype("float32")
    known = NearestNeighbors(n_neighbors=FURTHER + 1, algorithm="brute").fit(flat)
    if _copies(known, flat[arrays.spread(n, SAMPLE)])[1].any(1).mean() < SOME:
        return None
    others, near = _copies(known, flat)
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    rows = np.repeat(np.arange(n), near.sum(1))
    graph = coo_matrix((np.ones(len(rows)), (rows, others[near])), shape=(n, n))
    groups = np.asarray(connected_components(graph, directed=False)[1])
    if np.bincount(groups).max() > max(FURTHER, LARGEST * n / 4):
        return None  # A chain of neighbours is no set of copies.
    return Kinship(groups, text=f"{int(near.any(1).sum())} of {n} rows are near copies of others")


def _copies(known: Any, rows: Array) -> tuple[Array, Array]:
    """Return the nearest rows of each, and which of them are near copies."""
    distances, others = known.kneighbors(rows)
    distances, others = distances[:, 1:], others[:, 1:]  # The nearest is the row itself.
    far, further = distances[:, NEAREST - 1], np.maximum(distances[:, FURTHER - 1], 1e-12)
    growth = np.clip(np.log(np.clip(far / further, 1e-6, 1 - 1e-6)) / np.log(NEAREST / FURTHER), 1e-3, 2.0)
    expected = far * NEAREST**-growth
    near = distances[:, : NEAREST - 1] < NEARER * expected[:, None]
    return others[:, : NEAREST - 1], near
