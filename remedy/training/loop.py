"""Training without Python between the steps, for data that fits into memory on the TensorFlow backend.

``Model.fit`` spends 2 to 4 ms of Python around every step and 40 to 90 ms on the data pipelines of
every epoch; a step of a small network takes less than one. Here the rows lie on the device, and one
compiled function makes many steps: it gathers a batch and calls Keras' own ``train_step``, so losses,
metrics, regularisers, moving averages, dropout and optimizers are those of ``fit``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.keras_internals import running_loss

MOST_BYTES = 1 << 26
"""Larger data would lie in memory twice; there the cost of a step is not Python's anyway."""

AT_ONCE_SECONDS = 0.1
"""A call makes as many steps as take about so long, so that deadlines and Ctrl-C are soon noticed."""


@dataclass(frozen=True)
class Batches:
    """Rows in the order of training: inputs, targets and weights of n rows each, and how they are cut.

    Attributes:
        x, y: Nests of arrays of the shape (n, ...).
        sample_weight: None, or weights of the shape (n,) or (n, t).
        batch_size: Rows of a batch; the last one may be shorter.
        shuffle: Draw a new order for every epoch.
    """

    x: arrays.Nest
    y: arrays.Nest
    sample_weight: arrays.Nest | None
    batch_size: int
    shuffle: bool = False

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(arrays.length(self.x) / self.batch_size)

    @property
    def parts(self) -> tuple[arrays.Nest, ...]:
        """What a step is given."""
        return (self.x, self.y) if self.sample_weight is None else (self.x, self.y, self.sample_weight)


class Loop:
    """Trains and evaluates one compiled model.

    Rows are shuffled by an order that depends on the seed and the epoch alone, so a training that went
    on is the same as one that was never interrupted.
    """

    def __init__(self, model: Any) -> None:
        """Prepare; nothing is traced before the first step."""
        self.model = model
        self._functions: dict[Any, Any] = {}
        self._pace: dict[str, int] = {}

    def forget(self) -> None:
        """Trace the steps anew: which weights are trained has changed."""
        self._functions.clear()

    @staticmethod
    def suits(model: Any, *nests: arrays.Nest) -> bool:
        """Say whether a model may be trained here: Keras' own steps, on NumPy arrays of moderate size.

        Args:
            model: Compiled.
            nests: Everything it would be trained and evaluated on; None counts for nothing.
        """
        own = keras.Model.train_step, keras.Model.test_step, keras.Model.fit
        leaves = [leaf for nest in nests for leaf in arrays.leaves(nest)]
        return (
            keras.backend.backend() == "tensorflow"
            and not model.run_eagerly
            and not model.jit_compile
            and (type(model).train_step, type(model).test_step, type(model).fit) == own
            and not any(getattr(layer, "stateful", False) and hasattr(layer, "cell") for layer in model.layers)
            and all(type(leaf) in (np.ndarray, np.memmap) and leaf.dtype.kind in "fiubO" for leaf in leaves)
            and arrays.nbytes(leaves) <= MOST_BYTES
        )

    def fit(
        self,
        rows: Batches,
        seed: int,
        done: int,
        epochs: int,
        callbacks: Sequence[Any],
        validation: Batches | None = None,
        at_once: int | None = None,
    ) -> Any:
        """Train as ``Model.fit`` does.

        Args:
            rows: What to train on.
            seed: Of the order of the rows.
            done: Epochs that are behind the model already.
            epochs: Epochs that shall be behind it afterwards.
            callbacks: Keras callbacks; those of batches are called once for the steps of one call.
            validation: Rows to evaluate on after every epoch.
            at_once: Steps of a call; None measures how many take a tenth of a second.

        Returns:
            Keras' History.
        """
        import tensorflow as tf

        model, heard = self.model, keras.callbacks.CallbackList(callbacks, add_history=True, model=self.model)
        data, held = _on_device(rows), None if validation is None else _on_device(validation)
        model.stop_training = False
        heard.on_train_begin()
        logs: dict[str, Any] = {}
        for epoch in range(done, epochs):
            model.reset_metrics()
            heard.on_epoch_begin(epoch)
            order = np.arange(arrays.length(rows.x))
            if rows.shuffle:
                np.random.default_rng((seed % 2**63, epoch)).shuffle(order)
            self._steps(model.train_step, rows, data, tf.constant(order), heard, at_once)
            logs = _numbers(model.get_metrics_result())
            if validation is not None:
                model.reset_metrics()
                everything = tf.range(arrays.length(validation.x), dtype="int64")
                self._steps(model.test_step, validation, held, everything, None, at_once)
                logs |= {f"val_{name}": value for name, value in _numbers(model.get_metrics_result()).items()}
            heard.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        if epochs > done and isinstance(model.optimizer, keras.optimizers.Optimizer):
            model.optimizer.finalize_variable_values(model.trainable_weights)
        heard.on_train_end(logs)
        return model.history

    def _steps(self, step: Any, rows: Batches, data: Any, order: Any, heard: Any, at_once: int | None) -> None:
        """Make all steps of an epoch, as many in a call as `AT_ONCE_SECONDS` allows."""
        now, run = 0, self._function(step, rows, data)
        while now < len(rows) and not (heard is not None and self.model.stop_training):
            end = min(len(rows), now + (at_once or self._pace.get(step.__name__, 1)))
            if heard is not None:
                heard.on_train_batch_begin(now)
            began = time.perf_counter()
            loss = float(run(data, order, now, end))
            seconds = (time.perf_counter() - began) / (end - now)
            self._pace[step.__name__] = max(1, min(4 * (end - now), int(AT_ONCE_SECONDS / seconds)))
            if heard is not None:
                heard.on_train_batch_end(end - 1, {"loss": loss})
            now = end

    def _function(self, step: Any, rows: Batches, data: Any) -> Callable[..., Any]:
        """Return the compiled function of a step for batches of this size and rows of these shapes."""
        import tensorflow as tf

        specs = tf.nest.map_structure(lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), data)
        key = (step.__name__, rows.batch_size, str(specs))
        if key not in self._functions:

            def once(now: Any, data: Any, order: Any) -> Any:
                chosen = order[now * rows.batch_size : (now + 1) * rows.batch_size]
                step(tf.nest.map_structure(lambda part: tf.gather(part, chosen), data))
                return now + 1

            def several(data: Any, order: Any, begin: Any, end: Any) -> Any:
                tf.while_loop(
                    lambda now: now < end, lambda now: (once(now, data, order),), (begin,), parallel_iterations=1
                )
                return running_loss(self.model)

            number = tf.TensorSpec([], "int64")
            signature = (specs, tf.TensorSpec([None], "int64"), number, number)
            self._functions[key] = tf.function(several, input_signature=signature, autograph=False)
        compiled: Callable[..., Any] = self._functions[key]
        return compiled


def _on_device(rows: Batches) -> Any:
    """Return the parts as tensors, of the types that Keras would give them."""
    import tensorflow as tf

    def tensor(part: Any) -> Any:
        return tf.convert_to_tensor(part.astype(keras.config.floatx()) if part.dtype.kind == "f" else part)

    return arrays.tree_map(tensor, rows.parts)


def _numbers(logs: Any) -> dict[str, Any]:
    return {name: float(value) if np.ndim(value) == 0 else value for name, value in dict(logs).items()}
