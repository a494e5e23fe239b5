"""Trains Keras models on arrays too large to be copied.

``Model.fit`` turns NumPy arrays into a tensor as a whole: 1.25 to 1.6 times the data in memory beside the data
(Keras 3.15 on TensorFlow 2.21), and for a memory-mapped file all of it. Arrays beyond `arrays.LARGE_BYTES` are cut
into batches here and handed over one at a time; smaller ones go to ``Model.fit`` untouched.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.arrays import Array, Nest

BLOCK_BYTES, POOL_BYTES = 1 << 20, 1 << 26
"""Rows of a memory-mapped array are shuffled in blocks of 1 MB, and one by one among the blocks of 64 MB: rows read
one by one all over a file come a hundred times slower than the disk is."""


FITTING: ContextVar[Any] = ContextVar("remedy_fitting", default=None)
"""The model that remedy trains at the moment: its ``fit`` is no training of the user's own."""

PLAIN_FIT: ContextVar[Any] = ContextVar("remedy_plain_fit", default=None)
"""A model and Keras' own ``fit``, where a ``fit`` of the model's own class has called it already: that one must not be
called again."""


class Feed(keras.utils.PyDataset):
    """Batches of arrays, in a new order for every pass where rows are shuffled.

    Arrays in memory are shuffled as Keras does it: any row may stand anywhere. Of memory-mapped ones the
    blocks are shuffled, beginning at another row in every pass, and then the rows of some blocks together.
    """

    def __init__(
        self,
        x: Nest,
        y: Nest,
        sample_weight: Nest = None,
        batch_size: int = 32,
        shuffle: bool = False,
        index: Array | None = None,
        class_weight: Mapping[int, float] | None = None,
    ) -> None:
        """Keep the arrays; nothing is read yet.

        Args:
            x, y: Nests of NumPy arrays of shape (n, ...).
            sample_weight: None, a nest like y, or one array for all outputs.
            batch_size: Rows of a batch; the last one may be shorter.
            shuffle: Draw orders, from NumPy's global random state as it is now.
            index: None, or the rows to train on, shape (m,), where some are left out or taken several times.
            class_weight: None, or the weight of every class; instead of weights of rows.
        """
        super().__init__()
        if sample_weight is not None and isinstance(y, (list, tuple, Mapping)) and _is_leaf(sample_weight):
            weight = sample_weight
            sample_weight = arrays.tree_map(lambda _: weight, y)
        self._parts = tuple(_tuples(part) for part in (x, y, sample_weight) if part is not None)
        self._index, self._class_weight = index, class_weight
        self._rows = arrays.length(x) if index is None else len(index)
        self._batch_size, self._shuffle = batch_size, shuffle
        row = max(1, arrays.nbytes(x) // arrays.length(x))
        mapped = any(isinstance(leaf, np.memmap) for leaf in arrays.leaves(x))
        self._block = max(1, BLOCK_BYTES // row) if mapped else 1
        self._pool_rows = batch_size * max(1, POOL_BYTES // (row * batch_size))
        self._seed = int(np.random.randint(1 << 31)) if shuffle else 0
        self._pass, self._pool, self._shift = 0, -1, 0
        self._blocks = self._drawn = np.arange(0)

    def __len__(self) -> int:
        """Return the number of batches of a pass."""
        return math.ceil(self._rows / self._batch_size)

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        """Return a batch: ``(x, y)`` or ``(x, y, sample_weight)``; a pass begins with number 0."""
        if number == 0 and self._shuffle:
            self._begin()
        start = number * self._batch_size
        chosen: Any = slice(start, min(self._rows, start + self._batch_size))
        if self._shuffle:
            chosen = self._shuffled(chosen.start, chosen.stop)
        if self._index is not None:
            chosen = self._index[chosen]
        batch = tuple(arrays.tree_map(lambda leaf: _floatx(leaf[chosen]), part) for part in self._parts)
        return batch if self._class_weight is None else (*batch, _class_weights(batch[1], self._class_weight))

    def stream(self) -> Any:
        """Return what Keras takes these batches from fastest: on TensorFlow a ``tf.data.Dataset``, else this.

        Keras' own way from here to TensorFlow costs 2 ms a batch, a call of NumPy from its graph half of one.
        """
        if keras.backend.backend() != "tensorflow":
            return self
        import tensorflow as tf

        like = self[0]
        flat = tf.nest.flatten(like)

        def batch(number: Any) -> Any:
            kinds = [leaf.dtype for leaf in flat]
            leaves = tf.numpy_function(lambda n: tf.nest.flatten(self[int(n)]), [number], kinds)
            for leaf, known in zip(leaves, flat, strict=True):
                leaf.set_shape((None, *known.shape[1:]))
            return tf.nest.pack_sequence_as(like, leaves)

        return tf.data.Dataset.range(len(self)).map(batch).prefetch(2)

    def _begin(self) -> None:
        """Draw where the blocks of a new pass begin, and their order; what is left of the last one stays last."""
        self._pass, self._pool = self._pass + 1, -1
        rng, whole = np.random.default_rng((self._seed, self._pass)), self._rows // self._block
        self._shift, self._blocks = int(rng.integers(self._rows)), np.append(rng.permutation(whole), whole)

    def _shuffled(self, start: int, stop: int) -> Array:
        """Return the positions ``start`` to ``stop`` of the order of this pass; they lie in one pool."""
        first = start - start % self._pool_rows
        if first != self._pool:
            at = np.arange(first, min(self._rows, first + self._pool_rows))
            drawn = self._blocks[at // self._block] * self._block + at % self._block + self._shift
            rng = np.random.default_rng((self._seed, self._pass, first))
            self._pool, self._drawn = first, rng.permutation(drawn % self._rows)
        return self._drawn[start - first : stop - first]


def fit_model(model: Any, X: Any, y: Any, *, index: Array | None = None, **kwargs: Any) -> Any:
    """Train as ``model.fit`` does, by `Feed` where the arrays are large.

    Args:
        model: A compiled Keras model.
        X, y: As ``Model.fit`` takes them.
        index: None, or the rows to train on, shape (m,).
        **kwargs: Keywords of ``Model.fit``, with Keras' meaning.

    Returns:
        Keras' History.
    """
    token = FITTING.set(model)
    try:
        return _fit(model, X, y, index, kwargs)
    finally:
        FITTING.reset(token)


def _fit(model: Any, X: Any, y: Any, index: Array | None, kwargs: dict[str, Any]) -> Any:
    own_call = PLAIN_FIT.get()
    fit = functools.partial(own_call[1], model) if own_call is not None and own_call[0] is model else model.fit
    if not _takes_batches(model, X, y, kwargs):
        if index is not None:
            X, y = arrays.take(X, index), arrays.take(y, index)
            kwargs["sample_weight"] = arrays.take(kwargs.get("sample_weight"), index)
        return fit(X, y, **kwargs)
    own = {name: kwargs.pop(name, None) for name in ("batch_size", "sample_weight", "validation_batch_size")}
    X, y, weight = (arrays.tree_map(_as_array, part) for part in (X, y, own["sample_weight"]))
    share, held = float(kwargs.pop("validation_split", None) or 0.0), kwargs.pop("validation_data", None)
    n = arrays.length(X)
    if share and held is None:
        at = math.floor(n * (1 - share))
        held = tuple(arrays.take(part, slice(at, None)) for part in (X, y, weight) if part is not None)
        X, y, weight = (arrays.take(part, slice(None, at)) for part in (X, y, weight))
        n = at
    # As Keras chooses it for arrays; by steps_per_epoch alone where there is nothing else to go by.
    steps = kwargs.get("steps_per_epoch")
    size = own["batch_size"] or (math.ceil(n / steps) if steps else 32)
    if isinstance(held, (tuple, list)):
        parts = [*(arrays.tree_map(_as_array, part) for part in held), None][:3]
        held = Feed(parts[0], parts[1], parts[2], _size(own, held, kwargs)).stream()
    # Keras' "batch" turns rows about inside a batch only; and it would shuffle our batches, too.
    shuffle = kwargs.pop("shuffle", True) not in (False, "batch")
    data = Feed(X, y, weight, size, shuffle, index, kwargs.pop("class_weight", None))
    return fit(data.stream(), shuffle=False, validation_data=held, **kwargs)


def _size(own: Mapping[str, Any], held: Any, kwargs: Mapping[str, Any]) -> int:
    """Return the rows of a validation batch."""
    steps = kwargs.get("validation_steps")
    given = own["validation_batch_size"] or own["batch_size"]
    return int(given or (math.ceil(arrays.length(held[0]) / steps) if steps else 32))


def _takes_batches(model: Any, X: Any, y: Any, kwargs: Mapping[str, Any]) -> bool:
    """Say whether arrays are large, and of the kind that can be cut here: numbers in NumPy arrays or data frames."""
    if y is None or type(model).fit is not keras.Model.fit:
        return False
    if kwargs.get("class_weight") and not (kwargs.get("sample_weight") is None and _is_leaf(y) and np.ndim(y) < 3):
        return False  # Keras says what is wrong with that.
    held = kwargs.get("validation_data")
    nests = [X, y, kwargs.get("sample_weight"), *(held if isinstance(held, (tuple, list)) else ())]
    leaves = [leaf for nest in nests for leaf in arrays.leaves(nest)]
    if not all(isinstance(leaf, np.ndarray) or hasattr(leaf, "to_numpy") for leaf in leaves):
        return False
    whole = [_as_array(leaf) for leaf in leaves]
    return arrays.is_large(whole) and all(leaf.dtype.kind in "biuf" for leaf in whole)


def _is_leaf(nest: Nest) -> bool:
    return not isinstance(nest, (list, tuple, Mapping))


def _as_array(leaf: Any) -> Array:
    """Return a data frame or series as Keras reads it; arrays stay what they are."""
    if isinstance(leaf, np.ndarray):
        return leaf
    values: Array = leaf.to_numpy()
    return values[:, None] if values.ndim == 1 else values


def _tuples(nest: Nest) -> Nest:
    """Return a nest with tuples for lists: TensorFlow takes a list for an array."""
    if isinstance(nest, Mapping):
        return {key: _tuples(part) for key, part in nest.items()}
    return tuple(map(_tuples, nest)) if isinstance(nest, (list, tuple)) else nest


def _class_weights(y: Array, class_weight: Mapping[int, float]) -> Array:
    """Return the weight of every row, as Keras finds it; 1 for classes that have none."""
    ids = y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else y.reshape(-1)
    kinds, kind = np.unique(np.round(ids).astype("int32"), return_inverse=True)
    return np.array([class_weight.get(int(k), 1.0) for k in kinds], keras.config.floatx())[kind]


def _floatx(batch: Array) -> Array:
    """Return a batch of the type that Keras gives it."""
    kind = keras.config.floatx() if batch.dtype.kind == "f" else batch.dtype
    return np.asarray(batch, dtype=kind)
