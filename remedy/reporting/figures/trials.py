"""How a search went: the score of every trial, and which remedies of the fix mattered."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from remedy.prescription import Change
from remedy.reporting.figures._panels import AFTER, BEFORE, LEGEND, MARK, legend_below, panels, shortened
from remedy.search.attempts import Attempt, Course

KINDS = {"trained": "o", "stuck again": "v", "cut by the time": "s", "failed": "x"}
"""What became of a trial, with its marker."""


def kind(attempt: Attempt) -> str:
    """Say what became of a trial, one of `KINDS`; a failed one has no score."""
    if not math.isfinite(attempt.score):
        return "failed"
    return "stuck again" if attempt.outcome.stuck else "cut by the time" if attempt.cut else "trained"


def best_so_far(attempts: Sequence[Attempt]) -> list[float | None]:
    """Return the best score after every trial; None as long as there is none."""
    best, found = -math.inf, list[float | None]()
    for attempt in attempts:
        best = max(best, attempt.score)
        found.append(best if math.isfinite(best) else None)
    return found


def search(course: Course) -> Figure | None:
    """Draw the score of every trial, the best so far, and what to compare with; failed trials stand at the bottom."""
    if not course.attempts:
        return None
    figure, (axis,) = panels(
        [6.4], 3.3 + LEGEND, "search: score of every trial on the validation rows", bottom=0.45 + LEGEND
    )
    scored = [a.score for a in course.attempts if math.isfinite(a.score)] + list(course.levels().values())
    bottom = min(scored, default=0.0) - 0.05
    numbers = [attempt.number for attempt in course.attempts]
    best = [math.nan if score is None else score for score in best_so_far(course.attempts)]
    axis.step(numbers, best, where="post", color=AFTER, label="best so far")
    for name, marker in KINDS.items():
        these = [a for a in course.attempts if kind(a) == name]
        heights = [bottom if name == "failed" else a.score for a in these]
        if these:
            color = BEFORE if name in ("failed", "stuck again") else AFTER
            axis.plot([a.number for a in these], heights, marker, color=color, markersize=5, alpha=0.8, label=name)
    for (name, level), style in zip(course.levels().items(), (":", "-", "-."), strict=False):
        axis.axhline(level, color=BEFORE if name == "untouched" else MARK, linestyle=style, linewidth=1, label=name)
    axis.set_xlabel("trial", fontsize=8)
    axis.set_ylabel(course.score.replace("_", " "), fontsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.25)
    legend_below(axis)
    return figure


def remedies(changes: Sequence[Change]) -> Figure | None:
    """Draw what every remedy of a fix gained alone and what the score lost without it; no bar where not measured."""
    if not any(value is not None for change in changes for value in (change.alone, change.without)):
        return None
    figure, (axis,) = panels([4.6], 1.6 + 0.5 * len(changes), "which remedy mattered", left=1.7, bottom=0.75)
    for values, label, color, shift in (
        ([change.alone for change in changes], "gained by it alone", MARK, -0.2),
        ([change.without for change in changes], "lost without it", AFTER, 0.2),
    ):
        known = [(i, value) for i, value in enumerate(values) if value is not None]
        if known:
            axis.barh([i + shift for i, _ in known], [value for _, value in known], 0.38, color=color, label=label)
        for i, value in enumerate(values):
            if value is None:
                axis.text(0, i + shift, " not measured", fontsize=6, color=MARK, va="center")
    axis.set_yticks(range(len(changes)), [shortened(change.remedy) for change in changes], fontsize=7, parse_math=False)
    axis.set_ylim(len(changes) - 0.5, -0.5)
    axis.axvline(0, color="black", linewidth=0.8)
    axis.set_xlabel("score", fontsize=8)
    axis.grid(axis="x", alpha=0.25)
    legend_below(axis)
    return figure
