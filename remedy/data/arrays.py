"""Nests of arrays, as Keras accepts them: one array, or a list, tuple or dict of arrays.

Only what the rest of the package needs: walk a nest, take rows, hash it, keep it in one ``.npz``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

Nest: TypeAlias = Any
"""An array of shape (n, ...), or a list, tuple or dict of such arrays with equal n."""

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"

LARGE_BYTES = 1 << 28
"""Beyond it arrays are large: they are read by chunks or samples, and nothing makes a second copy of them."""

_LOOKED_AT, _OBJECT = 1000, 50
"""Texts whose mean length tells what all take, and the bytes that Python adds to each."""

_HASH_CHUNK = 1 << 24

_HASHED_CHUNKS, _HASHED_BYTES = 64, 1 << 20
"""Of a large array so many evenly spaced chunks of about this size are hashed: all of 10 GB would take a minute."""


def leaves(nest: Nest) -> list[Array]:
    """Return the arrays of a nest, dicts in sorted key order.

    Args:
        nest: An array, or a list, tuple or dict of arrays. None gives an empty list.
    """
    return [array for _, array in named_leaves(nest)]


def named_leaves(nest: Nest, name: str = "") -> Iterator[tuple[str, Array]]:
    """Yield ``(path, array)`` for every array of a nest; the path of a lone array is ``name``."""
    if nest is None:
        return
    if isinstance(nest, Mapping):
        for key in sorted(nest):
            yield from named_leaves(nest[key], f"{name}.{key}" if name else str(key))
    elif isinstance(nest, (list, tuple)):
        for i, part in enumerate(nest):
            yield from named_leaves(part, f"{name}.{i}" if name else str(i))
    else:
        yield name, nest


def tree_map(function: Callable[[Array], Any], nest: Nest) -> Nest:
    """Apply ``function`` to every array of a nest and keep its structure."""
    if nest is None:
        return None
    if isinstance(nest, Mapping):
        return {key: tree_map(function, part) for key, part in nest.items()}
    if isinstance(nest, (list, tuple)):
        return _like(nest, [tree_map(function, part) for part in nest])
    return function(nest)


def _like(nest: Nest, parts: list[Any]) -> Nest:
    """Return parts as a list or tuple of the kind of a nest; a named tuple takes them one by one."""
    return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)


def length(nest: Nest) -> int:
    """Return the number of rows of a nest (of its first array)."""
    return len(leaves(nest)[0])


def nbytes(*nests: Nest) -> int:
    """Return the bytes of all arrays of some nests."""
    return sum(_bytes(leaf) for nest in nests for leaf in leaves(nest))


def _bytes(leaf: Array) -> int:
    if leaf.dtype.kind != "O":
        return int(leaf.nbytes)
    some = leaf.reshape(-1)[:: max(1, leaf.size // _LOOKED_AT)]  # Text: the array itself holds but where it lies.
    return int(leaf.size * (_OBJECT + np.mean([len(str(part)) for part in some]))) if leaf.size else 0


def is_large(*nests: Nest) -> bool:
    """Say whether nests take more than `LARGE_BYTES` together."""
    return nbytes(*nests) > LARGE_BYTES


def spread(n: int, wanted: int, seed: int = 0) -> Array:
    """Return at most ``wanted`` positions below ``n`` in rising order: one at random of each of equal stretches.

    Unlike a fixed step they cannot fall in with a period of the rows.
    """
    if wanted >= n:
        return np.arange(n)
    edges = np.arange(wanted + 1) * n // wanted
    return edges[:-1] + (np.random.default_rng(seed).random(wanted) * np.diff(edges)).astype("int64")


SOME_VALUES, SOME_ROWS = 1 << 22, 64
"""Values that say what an array is like, and the fewest rows of it."""


def some(array: Array) -> Array:
    """Return evenly drawn rows of an array that hold at most `SOME_VALUES` values; all of a small one."""
    row = max(1, int(np.prod(array.shape[1:])))
    wanted = max(SOME_ROWS, SOME_VALUES // row)
    return array if wanted >= len(array) else array[spread(len(array), wanted)]


def take(nest: Nest, index: Sequence[int] | Array | slice) -> Nest:
    """Return the rows ``index`` of every array of a nest."""
    return tree_map(lambda array: array[index], nest)


def concatenate(first: Nest, *more: Nest) -> Nest:
    """Stack nests of the same structure row-wise."""
    if isinstance(first, Mapping):
        return {key: concatenate(part, *(nest[key] for nest in more)) for key, part in first.items()}
    if isinstance(first, (list, tuple)):
        return _like(first, [concatenate(*parts) for parts in zip(first, *more, strict=True)])
    return np.concatenate([first, *more])


def joined(batches: list[Nest]) -> Nest:
    """Stack nests row-wise as `concatenate` does and empty the list meanwhile: no second copy of all stays.

    Args:
        batches: Nests of the same structure, one at least; empty afterwards.
    """
    parts = [leaves(batch) for batch in batches]
    kinds = [np.result_type(*(part[i].dtype for part in parts)) for i in range(len(parts[0]))]
    first, total = batches[0], sum(map(length, batches))
    if any(kind.kind not in "biuf" for kind in kinds):
        return concatenate(*batches)
    wholes = [np.empty((total, *leaf.shape[1:]), kind) for leaf, kind in zip(parts[0], kinds, strict=True)]
    number = {id(leaf): i for i, leaf in enumerate(parts[0])}
    found = tree_map(lambda leaf: wholes[number[id(leaf)]], first)
    del first
    parts.reverse()
    batches.clear()
    at = 0
    while parts:
        batch = parts.pop()
        for whole, leaf in zip(wholes, batch, strict=True):
            whole[at : at + len(leaf)] = leaf
        at += len(batch[0])
    return found


def digest(*nests: Nest) -> str:
    """Return the first 32 hexadecimal digits of the SHA-256 of contents, shapes and dtypes.

    Reads in chunks, so a memory-mapped array is never copied as a whole. Of an array of more than
    `LARGE_BYTES` 64 evenly spaced chunks of 1 MB are read: equal arrays have equal digests, but a
    change between those chunks is not seen.
    """
    state = hashlib.sha256()  # Processors have instructions for it: twice as fast as BLAKE2b.
    for i, nest in enumerate(nests):
        for path, array in named_leaves(nest):
            state.update(f"{i}:{path}:{array.dtype.str}:{array.shape}".encode())
            large, row = is_large(array), max(1, array[:1].nbytes)
            rows = max(1, (_HASHED_BYTES if large else _HASH_CHUNK) // row)
            step = max(rows, (len(array) - rows) // (_HASHED_CHUNKS - 1)) if large else rows
            if array.dtype.kind == "O":
                state.update("\0".join(map(str, array.reshape(-1))).encode())
                continue
            for start in range(0, len(array), step):
                state.update(np.ascontiguousarray(array[start : start + rows]).data)
    return state.hexdigest()[:32]


def flatten_for_npz(nest: Nest, name: str) -> dict[str, Array]:
    """Return ``{key: array}`` that `restore_from_npz` turns into the same nest.

    A lone array is stored under ``name``, a list item under ``name[0]``, a dict item under
    ``name{key}``.
    """
    if nest is None:
        return {}
    if isinstance(nest, Mapping):
        items = {f"{name}{{{key}}}": part for key, part in nest.items()}
    elif isinstance(nest, (list, tuple)):
        items = {f"{name}[{i}]": part for i, part in enumerate(nest)}
    else:
        array = np.asarray(nest)
        return {name: array.astype(str) if array.dtype.kind == "O" else array}  # No file of arrays holds objects.
    return {key: array for k, part in items.items() for key, array in flatten_for_npz(part, k).items()}


def restore_from_npz(arrays: Mapping[str, Array], name: str) -> Nest:
    """Rebuild what `flatten_for_npz` took apart; None when nothing is stored under ``name``."""
    if name in arrays:
        return arrays[name].astype(object) if arrays[name].dtype.kind == "U" else arrays[name]
    inner = sorted({_next_key(key, name) for key in arrays if key.startswith((f"{name}[", f"{name}{{"))})
    if not inner:
        return None
    if inner[0].startswith("["):
        inner.sort(key=lambda key: int(key[1:-1]))
        return [restore_from_npz(arrays, name + key) for key in inner]
    return {key[1:-1]: restore_from_npz(arrays, name + key) for key in inner}


def _next_key(key: str, name: str) -> str:
    rest = key[len(name) :]
    return rest[: rest.index("]" if rest[0] == "[" else "}") + 1]
