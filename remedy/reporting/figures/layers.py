"""Heat maps of the layers: how large their gradients are, and how many of their units are dead or saturated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib import colormaps
from matplotlib.figure import Figure

from remedy.evidence.evidence import Evidence, Look
from remedy.reporting.figures._panels import BEFORE, names_beside, panels

LEAST = -12.0
"""Decimal logarithm at which smaller gradients, zero among them, are drawn."""

SHOWN = {"gradients": "gradient, log10", "dead": "share of dead units", "saturated": "share of saturated units"}
"""Fields of a `Look` that are drawn, with their titles."""

Grid = tuple[list[str], list[int | None], list[list[float | None]]]
"""Names of layers, epochs of the columns (None for a gap), and one row of values a layer (None where not looked at)."""


def grid(looks: Sequence[Look], field: str) -> Grid:
    """Return what looks say of every layer: a column a look, and an empty one where epochs between were left out.

    Args:
        looks: In the order of their epochs.
        field: "gradients", "dead" or "saturated" of a `Look`.
    """
    layers = list(dict.fromkeys(name for look in looks for name in getattr(look, field)))
    epochs: list[int | None] = []
    columns: list[dict[str, float]] = []
    for i, look in enumerate(looks):
        if i and look.epoch > looks[i - 1].epoch + 1:
            epochs.append(None)
            columns.append({})
        epochs.append(look.epoch)
        columns.append(dict(getattr(look, field)))
    return layers, epochs, [[column.get(layer) for column in columns] for layer in layers]


def magnitude(value: float) -> float:
    """Return the decimal logarithm of a finite gradient, `LEAST` for what is smaller."""
    return math.log10(value) if value > 10**LEAST else LEAST


def shades(values: Sequence[Sequence[float | None]], logarithmic: bool) -> list[list[float | None]]:
    """Return what a heat map shows; None where there is no look, or no finite number."""
    finite = [[None if v is None or not math.isfinite(v) else v for v in row] for row in values]
    return [[magnitude(v) if logarithmic and v is not None else v for v in row] for row in finite]


def layers(evidence: Evidence) -> Figure | None:
    """Draw gradients (log10 of their root mean square), dead and saturated units per layer and epoch looked at.

    Layers are looked at only where something is suspicious, so most epochs have no column; a white one stands where
    epochs were left out. A cross marks what is no finite number.
    """
    looks = sorted(evidence.looks or (), key=lambda look: look.epoch)
    shown = [(field, title) for field, title in SHOWN.items() if any(getattr(look, field) for look in looks)]
    if not shown:
        return None
    grids = [grid(looks, field) for field, _ in shown]
    rows = max(len(names) for names, _, _ in grids)
    width = min(4.0, max(1.5, 0.35 * len(grids[0][1])))
    height = 1.1 + min(7.0, max(1.2, 0.2 * rows))
    figure, axes = panels([width] * len(shown), height, "layers, input side on top", left=1.7, between=2.1, right=0.6)
    for axis, (field, title), found in zip(axes, shown, grids, strict=True):
        _heat_map(figure, axis, found, field == "gradients")
        axis.title.set_text(title)
    return figure


def _heat_map(figure: Figure, axis: Any, found: Grid, logarithmic: bool) -> None:
    names, epochs, values = found
    cells = shades(values, logarithmic)
    known = [v for row in cells for v in row if v is not None]
    low, high = (min(known, default=0.0), max(known, default=1.0)) if logarithmic else (0.0, 1.0)
    colors = colormaps["viridis" if logarithmic else "Reds"].with_extremes(bad="white")
    shown = [[math.nan if v is None else v for v in row] for row in cells]
    image = axis.imshow(shown, cmap=colors, vmin=low, vmax=max(high, low + 1), aspect="auto")
    bar = figure.colorbar(image, ax=axis, fraction=0.08, pad=0.04)
    bar.ax.tick_params(labelsize=6)
    names_beside(axis, names, "y")
    looked = [i for i, epoch in enumerate(epochs) if epoch is not None]
    axis.set_xticks(looked, [str(epochs[i]) for i in looked])
    axis.set_xlabel("epoch", fontsize=8)
    for i, row in enumerate(values):
        broken = [k for k, v in enumerate(row) if v is not None and not math.isfinite(v)]
        if broken:
            axis.plot(broken, [i] * len(broken), "x", color=BEFORE, markersize=5)
