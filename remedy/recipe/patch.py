"""The patch of a fix as lines that run as they stand in the user's own script.

The lines of the remedies speak of ``model``, ``X_train``, ``y_train`` and ``fit``. Here these are bound to what the
user calls them, as far as the calling frame tells; else the lines become a function that takes them.
"""

from __future__ import annotations

import ast
import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from types import ModuleType
from typing import Any

import numpy as np

from remedy.data import arrays
from remedy.data.fit_arguments import is_listed
from remedy.data.streams import is_stream
from remedy.data.text import is_text

log = logging.getLogger(__name__)

OURS = ("remedy", "keras", "contextlib", "functools")
"""Packages whose frames are not the user's."""

LITERALS = (int, float, str, bool, type(None))
LONG = 120

MOST_PARTS = 50
"""Parts of a variable that are looked at: what holds more is data and no bundle of arguments."""


@dataclass(frozen=True)
class Names:
    """How the user's script spells what it handed to ``fit``.

    Attributes:
        model, X, y: Names, or None where there is none; y is "" where a stream brings the labels.
        fit: Keywords of ``fit`` as expressions.
        lost: Keywords that no expression was found for.
        stream: "tf.data", "PyDataset" or None for arrays.
        steps: Batches to read of a stream that is endless or too large to keep; None for all.
        nested: Whether y is a dict or a list that holds the array of a single output.
        held_stream: Whether the validation rows are a stream.
        text: Whether rows are text, or some of their parts.
        several: Whether y holds the labels of several outputs.
        listed: Whether X is a list of rows, which is one array to Keras.
        groups: Of the rows, where `validation_split` has to keep them apart; "" where no expression was found.
    """

    model: str | None = None
    X: str | None = None
    y: str | None = None
    fit: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    stream: str | None = None
    steps: int | None = None
    nested: bool = False
    held_stream: bool = False
    text: bool = False
    several: bool = False
    groups: str | None = None
    listed: bool = False


def read_names(model: Any, X: Any, y: Any, fit: Mapping[str, Any], groups: Any = None) -> Names | None:
    """Return how the calling script spells what it hands to ``fit``; None where it cannot be read.

    Args:
        model, X, y, groups: As given by the user.
        fit: Keywords of ``Model.fit``.
    """
    try:
        return _read_names(model, X, y, fit, groups)
    except Exception:  # The user's variables may do anything when they are asked; the training must not suffer.
        log.debug("the names of the script are not read", exc_info=True)
        return None


def _read_names(model: Any, X: Any, y: Any, fit: Mapping[str, Any], groups: Any) -> Names:
    frame = sys._getframe(2)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).split(".")[0] in OURS:
        frame = frame.f_back
    known = {**frame.f_globals, **frame.f_locals}
    named = {name: value for name, value in known.items() if name.isidentifier() and not name.startswith("_")}
    spelled = {id(part): text for name, value in named.items() for text, part in _inside(name, value)}
    spelled |= {id(value): name for name, value in named.items()}

    def name(value: Any) -> str | None:
        return spelled.get(id(value))

    told = {key: _as_expression(value, name) for key, value in fit.items() if key not in ("verbose", "initial_epoch")}
    if fit.get("initial_epoch"):  # The lines train from the first epoch: as many as were planned.
        told["epochs"] = repr(int(fit.get("epochs", 1)) - int(fit["initial_epoch"]))
    kind = "tf.data" if hasattr(X, "element_spec") else "PyDataset" if y is None and hasattr(X, "__getitem__") else None
    return Names(
        name(model),
        name(X),
        "" if y is None else name(y),
        {key: text for key, text in told.items() if text is not None},
        tuple(key for key, text in told.items() if text is None),
        kind if y is None else None,
        fit.get("steps_per_epoch"),
        isinstance(y, (Mapping, list, tuple)) and len(y) == 1 and len(_parts(y)) == 1,
        is_stream(fit.get("validation_data")),
        _holds_text(X),
        isinstance(y, (Mapping, list, tuple)) and len(_parts(y)) > 1,
        None if groups is None or not fit.get("validation_split") else name(groups) or "",
        is_listed(X),
    )


def _holds_text(X: Any) -> bool:
    """Say whether rows are text, or some of their parts; what cannot be asked is none."""
    if hasattr(X, "element_spec"):
        spec = X.element_spec
        parts = arrays.leaves(spec[0] if isinstance(spec, tuple) else spec)
        return any(getattr(part.dtype, "name", "") == "string" for part in parts)
    if is_stream(X):
        return False
    return any(is_text(np.asarray(part)) for part in arrays.leaves(X))


def _inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a variable holds, and how it is spelled: ``fit['sample_weight']``, ``pair[0]``, ``data.X``.

    Only Python's own containers are opened: another mapping may read a file for every value.
    """
    if type(value) is dict and len(value) <= MOST_PARTS:
        yield from ((f"{name}[{key!r}]", part) for key, part in value.items() if isinstance(key, str))
    elif type(value) in (tuple, list) and len(value) <= MOST_PARTS:
        yield from ((f"{name}[{i}]", part) for i, part in enumerate(value))
    elif not isinstance(value, (type, ModuleType)):
        held = getattr(value, "__dict__", None)
        public = held.items() if type(held) is dict else ()
        named = ((key, part) for key, part in public if isinstance(key, str) and key.isidentifier() and key[0] != "_")
        yield from ((f"{name}.{key}", part) for key, part in islice(named, MOST_PARTS))


def _parts(y: Any) -> Sequence[Any]:
    """Return the arrays that a nest holds, by name or by place; numbers are none."""
    return [part for part in (y.values() if isinstance(y, Mapping) else y) if np.ndim(part)]


def _as_expression(value: Any, name: Any) -> str | None:
    """Return an expression for a value of a call: a literal, a name, or a tuple of those; None where there is none."""
    if isinstance(value, LITERALS):
        return repr(value)
    if isinstance(value, Mapping) and all(isinstance(part, LITERALS) for pair in value.items() for part in pair):
        return repr(dict(value)) if len(repr(dict(value))) < LONG else name(value)
    if (found := name(value)) is not None:
        return str(found)
    if isinstance(value, (tuple, list)) and value:
        parts = [_as_expression(part, name) for part in value]
        if all(part is not None for part in parts):
            inner = ", ".join(str(part) for part in parts)
            return f"[{inner}]" if isinstance(value, list) else f"({inner},)"
    return repr(value.item()) if isinstance(value, np.generic) else None


IMPORTS = "import keras\nimport numpy as np"

OF_STREAMS = {
    "tf.data": "batches = list({stream}.as_numpy_iterator())  # rows as arrays: as many as fit into memory",
    "PyDataset": "batches = [{stream}[i] for i in range({many})]  # rows as arrays: as many as fit into memory",
}
JOIN = """\
X_train, y_train, *weights = (
    keras.tree.map_structure(lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *side)
    for side in zip(*(tuple(batch) for batch in batches))
)"""
PLAIN = """\
def plain(a):  # text in the form that Keras trains on
    texts = [text.decode() if isinstance(text, bytes) else text for text in a.flat]
    return np.array(texts, object).reshape(a.shape) if a.dtype.kind in 'OSU' else a
X_train = keras.tree.map_structure(plain, X_train)"""
PLAIN_HELD = """\
if fit.get('validation_data') is not None:
    held, *others = fit['validation_data']
    fit['validation_data'] = (keras.tree.map_structure(lambda a: plain(np.asarray(a)), held), *others)"""
NESTED = """\
weights = fit.pop('class_weight', None)
if weights:  # Keras takes none beside targets in a nest: as row weights
    kinds = y_train.argmax(-1) if y_train.ndim > 1 and y_train.shape[-1] > 1 else y_train.reshape(-1)
    rows = np.array([weights.get(int(kind), 1.0) for kind in kinds])
    rows = rows * np.asarray(keras.tree.flatten(fit.get('sample_weight', 1.0))[0])
    fit['sample_weight'] = keras.tree.pack_sequence_as({y}, [rows])
model.fit(X_train, keras.tree.pack_sequence_as({y}, [y_train]), **fit)"""

GROUPED = """\
from sklearn.model_selection import GroupShuffleSplit

parting = GroupShuffleSplit(1, test_size=fit.pop('validation_split'), random_state=0)
ours, held = next(parting.split(np.asarray({groups}), groups=np.asarray({groups})))  # no group on both sides
weights = [np.asarray(fit.pop('sample_weight'))] if fit.get('sample_weight') is not None else []
fit['validation_data'] = tuple(keras.tree.map_structure(lambda a: a[held], s) for s in (X_train, y_train, *weights))
X_train, y_train, *weights = (keras.tree.map_structure(lambda a: a[ours], s) for s in (X_train, y_train, *weights))
fit |= {{'sample_weight': weights[0]}} if weights else {{}}"""

HELD = """\
held = fit.get('validation_data')
if held is not None and not isinstance(held, (tuple, list)):  # the validation rows as arrays, too
    many = fit.pop('validation_steps', None)
    if hasattr(held, 'element_spec'):
        held = list((held.take(many) if many else held).as_numpy_iterator())
    else:
        held = [held[i] for i in range(many or len(held))]
    fit['validation_data'] = tuple(
        keras.tree.map_structure(lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *side)
        for side in zip(*(tuple(batch) for batch in held))
    )"""


def in_script(lines: str, after: str, names: Names | None, defaults: Mapping[str, Any]) -> str:
    """Return lines that run as they stand behind the imports of the user's script; they train the model, too.

    Args:
        lines: Of the remedies and the compile line.
        after: What comes behind ``fit``, or nothing.
        names: Of the user's script; None where there is no script.
        defaults: Keywords of ``fit`` where no script tells them.
    """
    unread = names is not None and names.y == "" and names.stream is None  # A generator, which is gone when read.
    if names is None or unread or None in (names.model, names.X, names.y):
        return script(lines, after, names, defaults)
    held = _held(names)
    return "\n".join([IMPORTS, *_bound(names), *held, lines, *_trained(after, names)])


def script(lines: str, after: str, names: Names | None, defaults: Mapping[str, Any]) -> str:
    """Return the same as a function of model, X and y, which needs no other names."""
    own = {k: repr(v) for k, v in defaults.items() if v is not None}
    kept = {k: v for k, v in (names.fit if names else own).items() if _is_literal(v)}
    lost = tuple(k for k in (names.fit if names else ()) if k not in kept) + (names.lost if names else ())
    stream = names.stream if names else None
    known = names or Names()
    apart = "" if known.groups is not None else None
    given = replace(known, model="model", X="X", y="" if stream else "y", fit=kept, lost=lost, groups=apart)
    held = _held(known)
    inner = "\n".join([*_bound(given), "fit |= more", *held, lines, *_trained(after, given), "return model"])
    body = "".join(f"    {line}\n" if line else "\n" for line in inner.splitlines())
    takes = "model, X, **more" if stream else "model, X, y, **more"
    return f"{IMPORTS}\n\n\ndef fixed({takes}):  # more: what else fit is given\n{body}"


def _bound(names: Names) -> list[str]:
    lines = [] if names.model == "model" else [f"model = {names.model}"]
    if names.stream:
        taken = f"{names.X}.take({names.steps})" if names.steps and names.stream == "tf.data" else str(names.X)
        many = names.steps or f"len({names.X})"
        lines += [OF_STREAMS[names.stream].format(stream=taken, many=many), JOIN]
    else:
        target = f"keras.tree.flatten({names.y})[0]" if names.nested else names.y
        labels = f"keras.tree.map_structure(np.asarray, {target})" if names.several else f"np.asarray({target})"
        kind = ", dtype=object" if names.text else ""
        rows = f"np.asarray({names.X}{kind})" if names.listed else f"keras.tree.map_structure(np.asarray, {names.X})"
        lines.append(f"X_train, y_train = {rows}, {labels}")
        if not names.text:
            cast = "lambda a: a.astype('float32') if a.dtype == object else a"
            lines.append(f"X_train = keras.tree.map_structure({cast}, X_train)")
    if names.text:
        lines.append(PLAIN)
    skipped = ("steps_per_epoch", "shuffle") if names.stream else ()
    told = ", ".join(f"{key!r}: {text}" for key, text in names.fit.items() if key not in skipped)
    lines.append(f"fit = {{{told}}}")
    if names.stream:
        lines.append("fit |= {'sample_weight': weights[0]} if weights else {}")
        lines.append("fit['batch_size'] = len(keras.tree.flatten(batches[0])[0])")
    lines.append("if not model.built:\n    model(keras.tree.map_structure(lambda part: part[:1], X_train))")
    if names.groups:
        lines.append(GROUPED.format(groups=names.groups))
    if names.lost:
        lines.append(f"# {', '.join(names.lost)}: add to fit what your call has")
    if names.groups == "":
        lines.append("# groups: give validation_data= that keeps them apart, and no validation_split")
    return lines


def _held(names: Names) -> list[str]:
    """Return the lines that read the validation rows as arrays, where they are none."""
    text = [PLAIN_HELD] if names.text and "validation_data" in names.fit else []
    return [*([HELD] if names.held_stream else []), *text]


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True


def _trained(after: str, names: Names) -> list[str]:
    lines = [NESTED.format(y=names.y)] if names.nested else ["model.fit(X_train, y_train, **fit)"]
    if after:
        lines.append(after)
    return lines if names.model in ("model", None) else [*lines, f"{names.model} = model"]


def defaults_of(recipe: Any) -> dict[str, Any]:
    """Return the keywords of ``fit`` that a recipe knows, for a run without its script."""
    weights = recipe.class_weight
    known: Sequence[tuple[str, Any]] = (
        ("epochs", recipe.epochs),
        ("batch_size", recipe.batch_size),
        ("class_weight", None if weights is None else dict(weights)),
    )
    return {key: value for key, value in known if value is not None}
