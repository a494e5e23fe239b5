"""One difference between two recipes, and those in how the models are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from remedy.comparing import spelling
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.recipe import Recipe

NONE = "none"
"""Stands for what one side does not have."""

Block = tuple[int, int, int, int]
"""``(i1, i2, j1, j2)``: steps i1 to i2 of A stand where steps j1 to j2 of B do; either range may be empty."""


@dataclass(frozen=True)
class Difference:
    """One thing that A and B do, or spell, differently.

    Attributes:
        part: "input scaling", "activation", "block of layers", "optimizer", "learning rate", "loss" ...
        a, b: What stands there in A and in B; "none" where nothing does.
        where: Where in the network, or a remark.
        same_function: True where both do the same, spelt differently.
    """

    part: str
    a: str
    b: str
    where: str = ""
    same_function: bool = False

    def __str__(self) -> str:
        """Spell it in one line."""
        return f"{self.part}{f' ({self.where})' if self.where else ''}: A {self.a} | B {self.b}"


@dataclass(frozen=True)
class Found:
    """A difference, and what to take from B to have it: blocks of steps, or fields of the recipe."""

    difference: Difference
    blocks: tuple[Block, ...] = ()
    fields: tuple[str, ...] = ()


def training_differences(a: Recipe, b: Recipe) -> list[Found]:
    """Return what differs in how the networks are trained."""
    found = []
    if a.optimizer and b.optimizer:
        (ours, rate), (theirs, other) = (spelling.optimizer(recipe.descent) for recipe in (a, b))
        around = [None if r.descent is r.optimizer else r.optimizer["class_name"] for r in (a, b)]
        if ours != theirs or around[0] != around[1]:
            first, second = (f"{o}({i})" if o else str(i) for o, i in zip(around, (ours, theirs), strict=True))
            found.append(Found(Difference("optimizer", first, second), (), ("optimizer",)))
        if rate != other:
            texts = (spelling.text(rate), spelling.text(other))
            found.append(Found(Difference("learning rate", *texts), (), ("learning_rate",)))
        found += _losses(a, b)
    for name, (part, form) in FIELDS.items():
        values = form(getattr(a, name)), form(getattr(b, name))
        if values[0] != values[1]:
            shown = [NONE if value is None else spelling.text(value) for value in values]
            found.append(Found(Difference(part, shown[0], shown[1]), (), (name,)))
    for name in ("metrics", "weighted_metrics"):
        written = getattr(a, name), getattr(b, name)
        if a.optimizer and b.optimizer and written[0] != written[1]:
            forms = [", ".join(map(str, spelling.metrics(value))) or NONE for value in written]
            remark = "watched only: it trains the same" if forms[0] != forms[1] else ""
            shown = forms if remark else [_spelt_parts(value) for value in written]
            if shown[0] != shown[1]:
                found.append(Found(Difference(name.replace("_", " "), shown[0], shown[1], remark, True)))
    return found


def _losses(a: Recipe, b: Recipe) -> list[Found]:
    ours, theirs = spelling.loss(a.loss), spelling.loss(b.loss)
    if ours != theirs:
        return [Found(Difference("loss", spelling.text(ours), spelling.text(theirs)), (), ("loss",))]
    texts = _spelt_parts(a.loss), _spelt_parts(b.loss)
    if texts[0] == texts[1]:
        return []
    remark = "labels as ids in one, as one-hot rows in the other" if takes_ids(a) != takes_ids(b) else ""
    if a.from_logits != b.from_logits:
        remark = "the function at the head is applied within the loss of one"
    return [Found(Difference("loss", *texts, remark, True))]


def takes_ids(recipe: Recipe) -> bool:
    """Say whether the loss takes class ids and not one-hot rows."""
    return "sparse" in spelling.snake(_spelt_parts(recipe.loss))


def _spelt_parts(value: Any) -> str:
    """Spell a loss or metrics as they were given."""
    if isinstance(value, Mapping) and "class_name" in value:
        return str(spelling.spec(value, "losses"))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_spelt_parts, value))
    return repr(value)


def _as_is(value: Any) -> Any:
    return value


def _settings(value: Any) -> Any:
    return None if value is None else spelling.canonical("", vars(value))


FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "loss_weights": ("loss weights", lambda value: spelling.canonical("", value)),
    "batch_size": ("batch size", lambda value: value or KERAS_BATCH_SIZE),
    "epochs": ("epochs", _as_is),
    "steps_per_epoch": ("steps per epoch", _as_is),
    "class_weight": ("class weights", lambda value: spelling.canonical("", value)),
    "shuffle": ("shuffling", bool),
    "input_scaling": ("input scaling", _settings),
    "resampling": ("resampling", _settings),
    "target": ("coding of the target", _settings),
    "restarts": ("restarts", _as_is),
    "resplit": ("split", bool),
    "callbacks": ("callbacks", lambda value: spelling.canonical("", value) or None),
    "threshold": ("threshold", _as_is),
    "warm_up": ("epochs of the head alone", _as_is),
    "unweighted": ("row weights left out", _as_is),
}
"""Further fields of a recipe: what each is called, and its normal form."""
