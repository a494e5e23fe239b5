"""Small data sets go to TensorFlow as datasets that no thread tunes: tuning takes longer than their epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from remedy import arrays

MOST_BATCHES = 200
"""With more batches an epoch, TensorFlow's own tuning of its pipeline is worth its start."""

MOST_BYTES = 1 << 26


def untuned(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of ``Model.fit`` with the rows as a dataset whose iterators start and end at once.

    It is Keras' own dataset of the same arrays, with tuning switched off: an epoch of a few small
    batches then takes half the time (making and freeing two tuned iterators an epoch took 40 to 90 ms).

    Args:
        given: With x, y, sample_weight, batch_size, shuffle and steps_per_epoch; returned as they are on
            other backends, for large data, and where a part is no NumPy array.
    """
    parts = [given["x"], given["y"], *([] if given["sample_weight"] is None else [given["sample_weight"]])]
    leaves = [leaf for part in parts for leaf in arrays.leaves(part)]
    if keras.backend.backend() != "tensorflow" or given["steps_per_epoch"] is not None:
        return dict(given)
    if not all(type(leaf) is np.ndarray for leaf in leaves) or sum(leaf.nbytes for leaf in leaves) > MOST_BYTES:
        return dict(given)
    try:
        import tensorflow as tf
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
    except ImportError:  # Keras moves its inner modules now and then.
        return dict(given)
    adapter = ArrayDataAdapter(
        given["x"],
        given["y"],
        sample_weight=given["sample_weight"],
        batch_size=given["batch_size"] or 32,
        shuffle=given["shuffle"],
    )
    if adapter.num_batches > MOST_BATCHES:
        return dict(given)
    options = tf.data.Options()
    options.autotune.enabled = False
    data = adapter.get_tf_dataset().with_options(options)
    data = data.apply(tf.data.experimental.assert_cardinality(adapter.num_batches))
    return {"x": data, "verbose": given["verbose"], "shuffle": False}
