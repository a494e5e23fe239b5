"""compare(): what differs between two models, and on request which difference made the result."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from remedy.comparing.alignment import Aligned, align
from remedy.comparing.attribution import OnTraining, Trained, which_counts
from remedy.comparing.difference import Difference
from remedy.comparing.sameness import TOLERANCE, verify
from remedy.data.array_rows import read_rows
from remedy.data.dataset import Dataset
from remedy.data.task import infer_task
from remedy.errors import InvalidInput, ModelError
from remedy.recipe.recipe import Recipe

EPOCHS = 10
"""Epochs of every training where none are given."""


@dataclass(frozen=True)
class Comparison:
    """What came of comparing A with B.

    Attributes:
        differences: Everything that differs or is spelt differently, layers first.
        same: True where both are one program: nothing but spellings differs, and everything could be read.
        conclusion: One or two sentences.
        trained: Scores of A, B, and A with one difference at a time; empty without training.
        score: What those scores are, such as "balanced_accuracy"; None without training.
        verified: What equal weights on equal rows showed; None where that could not be tried.
        notes: What could not be compared.
        outcomes: Of logged runs: ``{name: (in A, in B)}``, such as the final loss; None where one has it not.
        names: What A and B are.
    """

    differences: tuple[Difference, ...]
    same: bool
    conclusion: str
    trained: tuple[Trained, ...] = ()
    score: str | None = None
    verified: str | None = None
    notes: tuple[str, ...] = ()
    outcomes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    names: tuple[str, str] = ("A", "B")

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        trained = [{**asdict(one), "mean": one.mean} for one in self.trained]
        return {**asdict(self), "trained": trained}

    def sections(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        """Return what is to be shown, as titles with rows of texts."""
        real = [d for d in self.differences if not d.same_function]
        spelt = [d for d in self.differences if d.same_function]
        scores: list[tuple[str, ...]] = [
            (t.what, _number(t.mean), t.why_not or " ".join(map(_number, t.scores))) for t in self.trained
        ]
        found: list[tuple[str, list[tuple[str, ...]]]] = [
            ("different", [(d.part, d.where, d.a, d.b) for d in real]),
            ("the same, spelt differently", [(d.part, d.where, d.a, d.b) for d in spelt]),
            ("outcome", [(name, "", _number(a), _number(b)) for name, (a, b) in self.outcomes.items()]),
            (f"trained: {self.score}, mean, each seed", scores),
            ("remarks", [(text,) for text in (self.verified, *self.notes) if text]),
        ]
        return [section for section in found if section[1]]

    def __str__(self) -> str:
        """Spell it as plain lines."""
        lines = [
            self.conclusion,
            *(f"{side} is {name}" for side, name in zip("AB", self.names, strict=True) if name != side),
        ]
        for title, rows in self.sections():
            lines += ["", f"{title}:"]
            lines += ["  " + _line(row) for row in rows]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{html.escape(self.conclusion)}</b></p>"]
        for title, rows in self.sections():
            cells = ("".join(f"<td>{html.escape(text)}</td>" for text in row) for row in rows)
            body = "".join(f"<tr>{row}</tr>" for row in cells)
            parts.append(f"<p>{html.escape(title)}</p><table>{body}</table>")
        return "".join(parts)


def compare(
    model_a: Any,
    model_b: Any,
    X: Any = None,
    y: Any = None,
    *,
    train: bool = False,
    epochs: int | None = None,
    seeds: Sequence[int] = (0, 1),
    fit_a: Mapping[str, Any] | None = None,
    fit_b: Mapping[str, Any] | None = None,
    groups: Any = None,
    objective: Any = None,
    on_training: OnTraining | None = None,
) -> Comparison:
    """Say what really differs between two models, and with ``train=True`` which difference made the result.

    Spellings of one function are no difference: ``Dense(8, activation="relu")`` and ``Dense(8)`` with a ``ReLU()``
    behind it, a Sequential and a functional model, "mse" and ``MeanSquaredError()``. The weights that the models have
    at the moment are not compared, but for those of frozen layers and of layers adapted to data.

    Where nothing differs, both models are built anew, given equal weights, and asked for their answers to equal rows.

    Training begins with A: it is trained as it is, then with one difference of B at a time, and so is B. Scores are
    those on a part of the rows that no training sees. The models themselves are never trained.

    Args:
        model_a, model_b: Keras models. What compiling says is compared where both are compiled.
        X, y: Arrays as ``Model.fit`` takes them, with n rows; needed for training.
        train: Train A, B, and A with every single difference of B.
        epochs: Epochs of every training; None takes those of ``fit_a`` and ``fit_b``, or 10.
        seeds: Every recipe is trained from each.
        fit_a, fit_b: Keywords of the ``fit`` call of either: batch size, epochs, class weights ...
        groups: One label a row, shape (n,): rows of a group stay on one side of the split.
        objective: None for the score that the labels ask for, its name, or ``(y_true, y_pred) -> float``.
        on_training: Called with a name and a score after every training.

    Returns:
        Comparison: Printing it shows everything.

    Raises:
        ModelError: One is no Keras model, cannot be serialised, or is to be trained and not compiled.
        InvalidInput: Training was asked for without rows, seeds or epochs.
    """
    if epochs is not None and epochs < 1:
        raise InvalidInput(f"compare(epochs={epochs}): give at least one.")
    given = [fit["epochs"] for fit in (fit_a, fit_b) if fit and "epochs" in fit]
    usual = epochs or next(iter(given), EPOCHS)
    fits = [{**(fit or {}), "epochs": epochs or (fit or {}).get("epochs", usual)} for fit in (fit_a, fit_b)]
    recipes = [_recipe(model, name, fit) for model, name, fit in zip((model_a, model_b), "AB", fits, strict=True)]
    rows = None if X is None else read_rows(X, _placeholder(X) if y is None else y, groups=groups)
    dataset = None
    if train:
        if rows is None or y is None:
            raise InvalidInput("compare(train=True) needs X and y: arrays with a row for every example.")
        task = infer_task(rows.y, recipes[0].loss_name, None)
        dataset = Dataset(rows, None, task)
    aligned = align(*recipes)
    return compared(
        aligned, None if rows is None else rows.X, dataset, seeds=seeds, objective=objective, on_training=on_training
    )


def compared(
    aligned: Aligned,
    X: Any = None,
    dataset: Dataset | None = None,
    *,
    more: Sequence[Difference] = (),
    notes: Sequence[str] = (),
    outcomes: Mapping[str, tuple[Any, Any]] | None = None,
    names: tuple[str, str] = ("A", "B"),
    seeds: Sequence[int] = (0, 1),
    objective: Any = None,
    on_training: OnTraining | None = None,
) -> Comparison:
    """Verify by function, train where there is a dataset, and conclude.

    Args:
        aligned: Two recipes side by side.
        X: Rows to verify on; random ones where None.
        dataset: Rows to train on, or None.
        more, notes, outcomes, names: What else is known, for the `Comparison`.
        seeds, objective, on_training: As for `compare`.

    Raises:
        ModelError: Training was asked for, and one is not compiled.
        InvalidInput: There are no seeds.
    """
    said = list(notes)
    differences = [found.difference for found in aligned.found] + list(more)
    for side, recipe in (("A", aligned.a), ("B", aligned.b)):
        if not recipe.optimizer:
            said.append(f"{side} is not compiled: optimizer, learning rate, loss and metrics were not compared.")
            if dataset is not None:
                raise ModelError(f"{side} is not compiled, so it cannot be trained. Call model.compile(...) first.")
    if aligned.unread:
        said.append(f"Layers were not compared one by one: {aligned.unread}.")
    layers = [f for f in aligned.found if not f.difference.same_function and (f.blocks or not f.fields)]
    (far, on), verified, proven = verify(aligned, X), None, False
    if far is not None:
        proven = far <= TOLERANCE
        spelt = f"on {on}, with equal weights, the largest deviation of the answers is {far:.1g} of the largest"
        if not layers and not proven:
            differences.append(Difference("function", "its own answers", "others", spelt))
        start = "At inference the same" if proven else "Other answers"
        if proven and not layers:
            start = "Verified"
        verified = f"{start}: {spelt}."
    elif not layers:
        said.append(f"Not verified by function: {on}.")
    real = [d for d in differences if not d.same_function]
    same = not real and (aligned.unread is None or proven)
    conclusion, verdict = told(differences, same), None
    if dataset is not None:
        if not seeds:
            raise InvalidInput("compare(seeds=()) has nothing to train from: give at least one seed.")
        if real:
            verdict = which_counts(aligned, dataset, seeds, on_training, objective)
            conclusion = verdict.conclusion
        else:
            said.append("Nothing was trained: there is no difference whose effect could be seen.")
    trained, score = ((), None) if verdict is None else (verdict.trained, verdict.score)
    return Comparison(
        tuple(differences), same, conclusion, trained, score, verified, tuple(said), outcomes or {}, names
    )


def tables(comparison: Comparison) -> Iterator[Any]:
    """Yield the conclusion and one rich table a section, for a terminal."""
    from rich.table import Table
    from rich.text import Text

    yield Text(comparison.conclusion, style="bold")
    for title, rows in comparison.sections():
        heads = {4: ("", "where", *comparison.names), 3: ("", "mean", "each seed"), 1: ("",)}[len(rows[0])]
        table = Table(*heads, title=title, title_justify="left", show_header=len(heads) > 1)
        for row in rows:
            table.add_row(*map(Text, row))
        yield table


def _recipe(model: Any, name: str, fit: Mapping[str, Any]) -> Recipe:
    import keras

    if not isinstance(model, keras.Model):
        raise ModelError(f"{name} is a {type(model).__name__}; remedy.compare takes keras.Model objects.")
    if getattr(model, "compiled", False) and model.optimizer is not None:
        return Recipe.from_model(model, fit)
    return Recipe.of_layers(model, fit)


def _placeholder(X: Any) -> Any:
    """Return a target for rows that were given without one, so that they are checked all the same."""
    import numpy as np

    from remedy.data import arrays

    return np.zeros(arrays.length(X))


def told(differences: Sequence[Difference], same: bool) -> str:
    """Say in one sentence what differs."""
    real = [d for d in differences if not d.same_function]
    spelt = len(differences) - len(real)
    ways = f"{spelt} thing{'s are' if spelt > 1 else ' is'} the same and only spelt differently"
    if real:
        parts = ", ".join(dict.fromkeys(d.part for d in real))
        return f"A and B differ in {parts}" + (f"; {ways}." if spelt else ".")
    if not same:
        return "Nothing that could be seen differs between A and B."
    return f"A and B are the same; {ways}." if spelt else "A and B are the same."


def _line(row: Sequence[str]) -> str:
    if len(row) != 4:
        return "  ".join(row)
    return f"{row[0]}{f' ({row[1]})' if row[1] else ''}: {row[2]} | {row[3]}"


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
