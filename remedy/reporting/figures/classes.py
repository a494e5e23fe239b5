"""What became of every class: predictions over the epochs, confusion matrices, and recalls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from remedy.evidence.confusion import Confusion
from remedy.evidence.evidence import Evidence
from remedy.reporting.figures._panels import AFTER, BEFORE, MARK, names_beside, over_epochs, panels

MOST_SHADES = 9
"""Classes that get a shade of their own in the panel of predictions: those predicted most."""

READABLE = 12
"""Classes up to which the cells of a confusion matrix hold their numbers."""


def shares_of_predictions(evidence: Evidence) -> dict[str, list[float]]:
    """Return the share of predictions of every class over the epochs, by name; rare ones together as "others"."""
    counts = evidence.predicted_counts or ()
    totals = [sum(column) for column in zip(*counts, strict=True)]
    shown = sorted(sorted(range(len(totals)), key=lambda k: (-totals[k], k))[:MOST_SHADES])
    shares = {f"class {k}": [row[k] / max(1, sum(row)) for row in counts] for k in shown}
    if len(totals) > MOST_SHADES:
        shares["others"] = [1 - sum(row[k] for k in shown) / max(1, sum(row)) for row in counts]
    return shares


def predicted_shares(axis: Any, evidence: Evidence) -> None:
    """Fill a panel with the share of predictions of every class over the epochs."""
    shares = shares_of_predictions(evidence)
    places = [float(epoch) for epoch in range(1, len(evidence.predicted_counts or ()) + 1)]
    heights = list(shares.values())
    if len(places) == 1:  # One epoch has no area.
        places, heights = [0.5, 1.5], [[row[0], row[0]] for row in heights]
    axis.stackplot(places, heights, labels=list(shares), alpha=0.8)
    over_epochs(axis, "predicted classes")
    axis.set_ylim(0, 1)


def confusion(matrices: tuple[Confusion, Confusion] | None) -> Figure | None:
    """Draw the confusion matrices before and after side by side, every row as shares of its class.

    Classes that never occur among the rows are grey. Where a row has several labels there is no such matrix.

    Args:
        matrices: As `remedy.evidence.confusion.confusions` gives them.
    """
    if matrices is None or matrices[0].missed is not None:
        return None
    labels = matrices[0].labels
    size = min(6.0, max(2.4, 0.32 * len(labels)))
    figure, axes = panels([size, size], size + 1.15, "rows set aside: true and predicted class", bottom=0.55)
    colors = colormaps["Blues"].with_extremes(bad="#dddddd")
    for axis, matrix, name in zip(axes, matrices, ("before", "after"), strict=True):
        shares = [[math.nan if share is None else share for share in row] for row in matrix.shares]
        axis.imshow(shares, vmin=0, vmax=1, cmap=colors, interpolation="nearest")
        axis.title.set_text(name)
        axis.set_xlabel("predicted", fontsize=8)
        names_beside(axis, labels, "x")
        names_beside(axis, labels, "y")
        if len(labels) <= READABLE:
            _numbers(axis, matrix)
    axes[0].set_ylabel("true", fontsize=8)
    return figure


def _numbers(axis: Any, matrix: Confusion) -> None:
    for i, row in enumerate(matrix.counts):
        for k, n in enumerate(row):
            dark = bool(matrix.support[i]) and n / matrix.support[i] > 0.6
            if n:
                axis.text(k, i, str(n), ha="center", va="center", fontsize=7, color="white" if dark else "black")


def predicted_against_true(before: Evidence | None, after: Evidence | None) -> Figure | None:
    """Draw predicted against true values of a regression, before and after, on rows set aside."""
    if before is None or after is None or not before.answers or not after.answers:
        return None
    figure, axes = panels([2.9, 2.9], 3.7, "rows set aside: true and predicted value", bottom=0.5)
    truth = [a for a, _ in (*before.answers, *after.answers)]
    for axis, evidence, name, color in zip(axes, (before, after), ("before", "after"), (BEFORE, AFTER), strict=True):
        pairs = [(a, b) for a, b in evidence.answers or () if math.isfinite(b)]
        axis.plot([a for a, _ in pairs], [b for _, b in pairs], ".", color=color, alpha=0.6, label=name)
        axis.plot([min(truth), max(truth)], [min(truth), max(truth)], color=MARK, linewidth=1)
        lost = len(evidence.answers or ()) - len(pairs)
        axis.title.set_text(f"{name} ({lost} answers are not finite)" if lost else name)
        axis.set_xlabel("true", fontsize=8)
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("predicted", fontsize=8)
    return figure


def recalls(matrices: tuple[Confusion, Confusion] | None) -> Figure | None:
    """Draw the share of every class that is found, before and after; a class that never occurs has no bars."""
    if matrices is None:
        return None
    labels = matrices[0].labels
    width = min(9.0, max(3.2, 0.3 * len(labels)))
    figure, (axis,) = panels([width], 2.9, "rows set aside: share of every class that is found", bottom=0.6)
    for matrix, name, color, shift in zip(matrices, ("before", "after"), (BEFORE, AFTER), (-0.2, 0.2), strict=True):
        _bars(axis, matrix.recalls, name, color, shift)
    names_beside(axis, labels, "x")
    axis.set_xlim(-0.6, len(labels) - 0.4)
    axis.set_ylim(0, 1.02)
    axis.set_xlabel("class", fontsize=8)
    axis.grid(axis="y", alpha=0.25)
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0, 1.14), ncols=2, frameon=False)
    return figure


def _bars(axis: Any, values: Sequence[float | None], name: str, color: str, shift: float) -> None:
    known = [(i, value) for i, value in enumerate(values) if value is not None]
    axis.bar([i + shift for i, _ in known], [value for _, value in known], 0.38, color=color, label=name)
