"""The arguments of a call of ``fit``, before anything is read: their order, their names, and slips of one line.

Whatever is refused here would fail in Keras later, with a message that names neither the argument nor the way out.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from remedy.data.model_checks import require_compiled
from remedy.data.streams import is_stream
from remedy.errors import InvalidInput, did_you_mean

OWN = (
    "experiment",
    "run_name",
    "tags",
    "search",
    "groups",
    "order",
    "expect",
    "detectors",
    "ignore",
    "remedies",
    "build",
    "log_data",
    "log_model",
    "log_every_n_steps",
    "log_checkpoints",
    "register_as",
    "quiet",
)
"""What `remedy.fit` takes beside Keras' own keywords."""


def in_keras_order(model: Any, X: Any, x: Any, positional: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return X and the keywords of a call that may have been written as one of ``Model.fit``.

    Args:
        model: Its ``fit`` says which argument stands where.
        X, x: One of them holds the inputs.
        positional: What was given behind X and y.
        kwargs: What was given by name.

    Raises:
        ModelError: The model is not compiled.
        InvalidInput: An argument is given twice, or is missing.
    """
    require_compiled(model)
    if X is not None and x is not None:
        raise InvalidInput("The inputs are given twice, as X and as x=: give one of them.")
    X = x if X is None else X
    if X is None:
        raise InvalidInput("There are no inputs. Write remedy.fit(model, X, y), or hand over a dataset as X.")
    names = [name for name in inspect.signature(type(model).fit).parameters if name not in ("self", "x", "y")]
    if len(positional) > len(names):
        raise InvalidInput(f"fit() takes at most {len(names) + 2} arguments by position: give further ones by name.")
    twice = [name for name in names[: len(positional)] if name in kwargs]
    if twice:
        raise InvalidInput(f"{twice[0]} is given twice, by position and as {twice[0]}=: give one of them.")
    return X, {**dict(zip(names, positional, strict=False)), **kwargs}


def check_keywords(model: Any, kwargs: Mapping[str, Any]) -> None:
    """Check names and values that no training can be done with.

    Raises:
        InvalidInput: Says which one, and what to write.
    """
    known = inspect.signature(type(model).fit).parameters
    unknown = [name for name in kwargs if name not in known]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        near = did_you_mean(unknown[0], [*known, *OWN])
        own = ", ".join(OWN[:-1])
        raise InvalidInput(
            f"fit() has no keyword {', '.join(map(repr, unknown))}.{near} Beside Keras' own, remedy knows {own} and "
            f"{OWN[-1]}."
        )
    epochs, first = kwargs.get("epochs", 1), kwargs.get("initial_epoch") or 0
    if not isinstance(first, Integral):
        raise InvalidInput(f"initial_epoch={first!r:.60}: give the number of the epoch to go on from, such as 2.")
    if isinstance(epochs, Integral) and epochs <= first:
        begun = f", as initial_epoch={first}" if first else ""
        raise InvalidInput(f"epochs={epochs}: nothing would be trained. Give at least {first + 1}{begun}.")
    size = kwargs.get("batch_size")
    if size is not None and (isinstance(size, bool) or not isinstance(size, Integral) or size < 1):
        raise InvalidInput(f"batch_size={size!r:.60}: give a number of rows from 1, or None for Keras' 32.")
    _check_class_weight(kwargs.get("class_weight"))


def _check_class_weight(weights: Any) -> None:
    if weights is None or (isinstance(weights, str) and weights == "balanced"):
        return
    example = 'give a dict with a weight for every class, such as {0: 1.0, 1: 5.0}, or "balanced".'
    if not isinstance(weights, Mapping):
        raise InvalidInput(f"class_weight={weights!r:.60}: {example}")
    bad = [key for key, value in weights.items() if isinstance(value, bool) or not isinstance(value, Real)]
    if bad:
        raise InvalidInput(f"class_weight: class {bad[0]!r} has {weights[bad[0]]!r} for a weight; {example}")


def check_labels_are_there(model: Any, X: Any, y: Any) -> None:
    """Refuse arrays without labels where the model has a loss that wants them, and labels that are one number.

    Raises:
        InvalidInput: There are none.
    """
    import keras

    if isinstance(y, (Real, str)):
        raise InvalidInput(f"y={y!r:.60} is no array: give one label a row, shape (n,) or (n, outputs).")
    own_step = getattr(type(model), "train_step", None) is not getattr(keras.Model, "train_step", None)
    if y is None and model.loss is not None and is_arrays(X) and not own_step:
        raise InvalidInput("y is missing: the loss compares with labels. Give y, or a dataset of (X, y) as X.")


def plain_arrays(value: Any) -> Any:
    """Return numbers or texts in Python's lists as an array; everything else as it is."""
    if not is_listed(value):
        return value
    text = _first_leaf(value)
    try:
        return np.asarray(value, dtype=object if isinstance(text, str) else None)
    except ValueError as error:
        raise InvalidInput(
            "A list of rows of different length cannot be trained on: pad them, keras.utils.pad_sequences(rows)."
        ) from error


def is_listed(value: Any) -> bool:
    """Say whether a value is numbers or texts in Python's lists, which is one array to Keras."""
    return isinstance(value, (list, tuple)) and bool(len(value)) and _is_plain(value[0])


def _first_leaf(value: Any) -> Any:
    while isinstance(value, (list, tuple)) and len(value):
        value = value[0]
    return value


def _is_plain(value: Any) -> bool:
    """Say whether a row is a number, a text, or a list of such."""
    return isinstance(_first_leaf(value), (str, Real, np.bool_))


def with_balanced_weights(kwargs: Mapping[str, Any], y: Any) -> dict[str, Any]:
    """Return the keywords with scikit-learn's "balanced" weights as the dict that Keras takes.

    Raises:
        InvalidInput: The labels are not there to be counted, or are no classes.
    """
    given = dict(kwargs)
    if given.get("class_weight") != "balanced":
        return given
    if y is None or not hasattr(y, "__array__"):
        raise InvalidInput('class_weight="balanced" counts the labels of an array y; of a stream, give a dict.')
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.asarray(y)
    one_hot = labels.ndim > 1 and labels.shape[-1] > 1
    labels = labels.argmax(-1).ravel() if one_hot else labels.ravel()
    if not np.array_equal(labels, labels.astype("int64")):
        raise InvalidInput('class_weight="balanced" counts classes, and y holds no class ids.')
    classes = np.unique(labels).astype("int64")
    weights = compute_class_weight("balanced", classes=classes, y=labels.astype("int64"))
    given["class_weight"] = {int(c): float(w) for c, w in zip(classes, weights, strict=True)}
    return given


def check_stream(model: Any, X: Any, steps: Any) -> None:
    """Refuse a stream that never ends an epoch, or gives single rows.

    Raises:
        InvalidInput: Says what to write.
    """
    if not is_stream(X):
        return
    tf_data = hasattr(X, "element_spec")
    endless = int(X.cardinality()) == -1 if tf_data else X.num_batches is None
    if endless and steps is None:
        again = "repeats without end" if tf_data else "does not say how many batches it has"
        raise InvalidInput(
            f"This {type(X).__name__} {again}: no epoch would end. Give steps_per_epoch=, or leave out repeat()."
        )
    spec, shape = getattr(X, "element_spec", None), getattr(model, "input_shape", None) if model.built else None
    if not isinstance(spec, tuple) or not isinstance(shape, tuple) or not hasattr(spec[0], "shape"):
        return
    rank, sizes = spec[0].shape.rank, all(size is None or isinstance(size, int) for size in shape)
    if sizes and rank == len(shape) - 1 and shape[1:] != (1,):  # Keras gives a lone column its second axis.
        raise InvalidInput("This Dataset gives single rows, and Keras takes batches: write dataset.batch(32).")


def is_arrays(X: Any) -> bool:
    """Say whether something is an array, or a nest of arrays."""
    if isinstance(X, (list, tuple)):
        return bool(X) and all(is_arrays(part) or np.isscalar(part) for part in X)
    if isinstance(X, Mapping):
        return bool(X) and all(is_arrays(part) for part in X.values())
    return hasattr(X, "__array__") or hasattr(X, "to_numpy")
