"""What all pictures share: colours, empty panels, series that may break off, labels that do not crowd."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator

BEFORE, AFTER, MARK = "#d55e00", "#0072b2", "#8a8a8a"
"""Colours of the stuck run, of the fixed one, and of lines to compare with. The pair stays apart for those who see no
red, no green or no blue (Okabe and Ito, "Color universal design", 2008)."""

LEGEND, MOST_LINES = 0.62, 8
"""Inches below a panel for its legend, which covers nothing there, and lines that it names."""

MOST_LABELS = 25
"""Names of classes or layers that stand beside an axis; of more, only every so many."""

WIDE = 1000.0
"""A series whose largest value is so many times its smallest is drawn on a logarithmic axis."""


def panels(
    widths: Sequence[float],
    height: float = 2.9,
    title: str = "",
    left: float = 0.65,
    bottom: float = 0.45,
    between: float = 0.6,
    right: float = 0.15,
) -> tuple[Figure, list[Any]]:
    """Return a figure with one empty panel a width, side by side; everything in inches.

    Margins and the places of titles and labels are set by hand: to look for room matplotlib lays everything out
    twice, at the end of the user's training.
    """
    top = 0.62 if title else 0.38
    total = left + sum(widths) + between * (len(widths) - 1) + right
    figure = Figure(figsize=(total, height))
    FigureCanvasAgg(figure)
    axes, x = [], left
    for width in widths:
        tall = height - top - bottom
        axis = figure.add_axes((x / total, bottom / height, width / total, tall / height))
        axis.tick_params(labelsize=7)
        axis.set_title("", fontsize=9, y=1.0)
        axis.xaxis.set_label_coords(0.5, -(min(bottom, 0.45) - 0.17) / tall)
        axis.yaxis.set_label_coords(-0.45 / width, 0.5)
        axes.append(axis)
        x += width + between
    if title:
        figure.text(left / total, 1 - 0.09 / height, title, fontsize=10, va="top", parse_math=False)
    return figure, axes


def over_epochs(axis: Any, title: str) -> None:
    """Name a panel whose x axis is the epoch."""
    axis.title.set_text(title)
    axis.set_xlabel("epoch", fontsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.25)


def series(axis: Any, values: Sequence[float], label: str, **style: Any) -> None:
    """Draw a series over the epochs; where it stops being a finite number it breaks off with a cross."""
    if not values:
        return
    shown = [v if math.isfinite(v) else math.nan for v in values]
    (line,) = axis.plot(range(1, len(shown) + 1), shown, label=label, **style)
    if len(shown) < 15 and not style.get("marker"):
        line.set_marker("o")
        line.set_markersize(2.5)
    broken = next((i for i, v in enumerate(shown) if math.isnan(v)), None)
    if broken is not None:
        known = {other.get_label() for other in axis.get_lines()}
        height = shown[broken - 1] if broken else 0.0
        name = "not finite" if "not finite" not in known else "_again"
        axis.plot([broken + 1], [height], "x", color=line.get_color(), markersize=9, markeredgewidth=2, label=name)


def logarithmic_if_wide(axis: Any) -> None:
    """Draw what spans many orders of magnitude on a logarithmic axis."""
    heights = [v for line in axis.get_lines() if line.get_transform() == axis.transData for v in line.get_ydata()]
    finite = [v for v in heights if math.isfinite(v)]
    if finite and min(finite) > 0 and max(finite) > WIDE * min(finite):
        axis.set_yscale("log")
        axis.yaxis.set_minor_locator(NullLocator())


def legend_below(axis: Any) -> None:
    """Name the lines of a panel below it, in two columns; of very many the first."""
    lines, labels = axis.get_legend_handles_labels()
    if labels:
        tall = axis.get_position().height * axis.figure.get_figheight()
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.36 / tall), "ncols": 2}
        axis.legend(lines[:MOST_LINES], labels[:MOST_LINES], fontsize=6.5, frameon=False, **place)


def names_beside(axis: Any, names: Sequence[str], along: str) -> None:
    """Label the places 0, 1, 2 ... of the "x" or "y" axis; of many names only every so many."""
    step = -(-len(names) // MOST_LABELS) or 1
    places = list(range(0, len(names), step))
    crowded = along == "x" and sum(len(names[i]) for i in places) > 60
    set_ticks = axis.set_xticks if along == "x" else axis.set_yticks
    texts = [shortened(names[i]) for i in places]
    set_ticks(places, texts, fontsize=7, rotation=60 if crowded else 0, parse_math=False)


def shortened(name: str, most: int = 22) -> str:
    """Return a name that fits beside an axis."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def png(figure: Figure) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()
