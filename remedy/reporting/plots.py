"""The same pictures to move about in: plotly figures for the report, drawn from the same numbers.

Every function returns a figure, or None where what it shows was not recorded. Names that a user chose are escaped,
for plotly reads tags in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go
from matplotlib.colors import TABLEAU_COLORS
from plotly.subplots import make_subplots

from remedy.diagnosis import Diagnosis
from remedy.evidence.confusion import Confusion
from remedy.evidence.evidence import Evidence
from remedy.prescription import Change
from remedy.reporting.figures._panels import AFTER, BEFORE, MARK, WIDE
from remedy.reporting.figures.classes import shares_of_predictions
from remedy.reporting.figures.curves import SCORES
from remedy.reporting.figures.layers import SHOWN, grid, shades
from remedy.reporting.figures.trials import best_so_far, kind
from remedy.search.attempts import Attempt, Course

SHADES = list(TABLEAU_COLORS.values())
"""Colours of classes, as in matplotlib's pictures."""

SYMBOLS = {"trained": "circle", "stuck again": "triangle-down", "cut by the time": "square", "failed": "x"}


def curves(before: Evidence, after: Evidence | None, cause: Diagnosis | None) -> go.Figure | None:
    """Draw loss and score over the epochs, of the stuck run and of the fixed one."""
    score = SCORES.get(str(before.task), "balanced accuracy")
    figure = _subplots(["loss", f"{score}, inference mode"])
    for evidence, name, color in ((before, "before", BEFORE), (after, "after", AFTER)):
        if evidence is None:
            continue
        for values, label, dash, column in (
            (evidence.loss, "training", "solid", 1),
            (evidence.val_loss, "validation", "dash", 1),
            (evidence.probe_loss, "inference", "dot", 1),
            (evidence.probe_score, "score", "solid", 2),
            (evidence.val_score, "validation score", "dash", 2),
        ):
            if values:
                style = {"color": color, "dash": dash}
                _add_series(figure, values, f"{name}, {label}", style, column)
    if before.constant_score is not None:
        figure.add_hline(before.constant_score, line={"color": MARK, "width": 1}, row=1, col=2)
    if cause is not None:
        figure.add_vline(
            cause.epoch,
            line={"color": MARK, "dash": "dash"},
            annotation={"text": escape(cause.name), "yref": "y domain", "y": 1.0, "yanchor": "bottom"},
            col=1,
            row=1,
        )
        figure.add_vline(cause.epoch, line={"color": MARK, "dash": "dash"}, col=2, row=1)
    _over_epochs(figure)
    losses = [v for e in (before, after) if e for v in (*(e.loss or ()), *(e.val_loss or ())) if math.isfinite(v)]
    if losses and 0 < WIDE * min(losses) < max(losses):
        figure.update_yaxes(type="log", col=1)
    return figure if figure.data else None


def _over_epochs(figure: go.Figure) -> None:
    """Name the x axes; few epochs get a tick each."""
    few = max((len(trace.x) for trace in figure.data), default=0) <= 15
    figure.update_xaxes(title_text="epoch", dtick=1 if few else None)


def _add_series(figure: go.Figure, values: Sequence[float], name: str, style: dict[str, str], column: int) -> None:
    epochs = list(range(1, len(values) + 1))
    shown = [v if math.isfinite(v) else None for v in values]
    mode = "lines+markers" if len(values) < 60 else "lines"
    figure.add_trace(go.Scatter(x=epochs, y=shown, mode=mode, name=name, line=style), row=1, col=column)
    broken = next((i for i, v in enumerate(shown) if v is None), None)
    if broken is not None:
        height = shown[broken - 1] if broken else 0.0
        marker = {"symbol": "x", "size": 11, "color": style["color"]}
        cross = go.Scatter(x=[broken + 1], y=[height], mode="markers", marker=marker, name=f"{name}: not finite")
        figure.add_trace(cross, row=1, col=column)


def predictions(before: Evidence, after: Evidence | None) -> go.Figure | None:
    """Draw the share of predictions of every class over the epochs."""
    sides = [(e, n) for e, n in ((before, "before"), (after, "after")) if e is not None and e.predicted_counts]
    if not sides:
        return None
    figure = _subplots([f"predicted classes, {name}" for _, name in sides])
    colors: dict[str, str] = {}
    for column, (evidence, name) in enumerate(sides, start=1):
        for label, shares in shares_of_predictions(evidence).items():
            new = label not in colors
            color = colors.setdefault(label, SHADES[len(colors) % len(SHADES)])
            epochs = list(range(1, len(shares) + 1))
            trace = go.Scatter(x=epochs, y=shares, stackgroup=name, mode="lines+markers", marker_size=3)
            trace.update(name=label, legendgroup=label, showlegend=new, line={"color": color, "width": 1})
            figure.add_trace(trace, row=1, col=column)
    _over_epochs(figure)
    figure.update_yaxes(range=[0, 1])
    return figure


def confusion(matrices: tuple[Confusion, Confusion] | None) -> go.Figure | None:
    """Draw both confusion matrices, rows as shares of their class."""
    if matrices is None or matrices[0].missed is not None:
        return None
    figure = _subplots(["before", "after"], height=460)
    labels = [escape(label) for label in matrices[0].labels]
    for column, matrix in enumerate(matrices, start=1):
        text = matrix.counts if len(labels) <= 12 else None
        trace = go.Heatmap(
            z=matrix.shares,
            x=labels,
            y=labels,
            customdata=matrix.counts,
            text=text,
            texttemplate=None if text is None else "%{text}",
            zmin=0,
            zmax=1,
            colorscale="Blues",
            showscale=column == 2,
            hovertemplate="true %{y}, predicted %{x}<br>%{customdata} rows, %{z:.1%} of the class<extra></extra>",
        )
        figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(title_text="predicted", type="category")
    figure.update_yaxes(title_text="true", type="category", autorange="reversed", col=1)
    figure.update_yaxes(type="category", autorange="reversed", col=2)
    return figure


def predicted_against_true(before: Evidence | None, after: Evidence | None) -> go.Figure | None:
    """Draw predicted against true values of a regression."""
    if before is None or after is None or not before.answers or not after.answers:
        return None
    figure = _subplots(["before", "after"])
    for column, (evidence, color) in enumerate(((before, BEFORE), (after, AFTER)), start=1):
        truth, guesses = zip(*(evidence.answers or ()), strict=True)
        line = {"color": MARK, "width": 1}
        ends = [min(truth), max(truth)]
        points = go.Scatter(x=truth, y=guesses, mode="markers", marker={"color": color, "size": 5}, showlegend=False)
        figure.add_trace(points, row=1, col=column)
        figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line=line, showlegend=False), row=1, col=column)
    figure.update_xaxes(title_text="true")
    figure.update_yaxes(title_text="predicted", col=1)
    return figure


def recalls(matrices: tuple[Confusion, Confusion] | None) -> go.Figure | None:
    """Draw the share of every class that is found."""
    if matrices is None:
        return None
    figure = _plain("class", "share found")
    for matrix, name, color in zip(matrices, ("before", "after"), (BEFORE, AFTER), strict=True):
        labels = [escape(label) for label in matrix.labels]
        bar = go.Bar(x=labels, y=matrix.recalls, name=name, marker_color=color, customdata=matrix.support)
        bar.hovertemplate = "class %{x}: %{y:.1%} of %{customdata} rows"
        figure.add_trace(bar)
    figure.update_layout(xaxis_type="category", yaxis_range=[0, 1])
    return figure


def layers(evidence: Evidence) -> go.Figure | None:
    """Draw gradients, dead and saturated units per layer and epoch that was looked at."""
    looks = sorted(evidence.looks or (), key=lambda look: look.epoch)
    shown = {field: title for field, title in SHOWN.items() if any(getattr(look, field) for look in looks)}
    if not shown:
        return None
    grids = [grid(looks, field) for field in shown]
    rows = max(len(names) for names, _, _ in grids)
    figure = _subplots(list(shown.values()), height=160 + min(900, max(120, 18 * rows)))
    for column, (field, (names, epochs, values)) in enumerate(zip(shown, grids, strict=True), start=1):
        logarithmic = field == "gradients"
        limits = {} if logarithmic else {"zmin": 0, "zmax": 1}
        trace = go.Heatmap(
            z=shades(values, logarithmic),
            x=["" if epoch is None else f"epoch {epoch}" for epoch in epochs],
            y=[escape(name) for name in names],
            customdata=values,
            colorscale="Viridis" if logarithmic else "Reds",
            colorbar={"x": column / len(shown), "thickness": 8, "xanchor": "right"} if logarithmic else None,
            showscale=logarithmic,
            hovertemplate="%{y}, %{x}: %{customdata:.3g}<extra></extra>",
            **limits,
        )
        figure.add_trace(trace, row=1, col=column)
    figure.update_yaxes(autorange="reversed", type="category", automargin=True)
    return figure


def search(course: Course) -> go.Figure | None:
    """Draw the score of every trial with what it changed, the best so far, and what to compare with."""
    if not course.attempts:
        return None
    figure = _plain("trial", course.score.replace("_", " "))
    numbers = [attempt.number for attempt in course.attempts]
    line = {"color": AFTER, "shape": "hv"}
    figure.add_trace(go.Scatter(x=numbers, y=best_so_far(course.attempts), mode="lines", line=line, name="best so far"))
    levels = course.levels()
    scored = [a.score for a in course.attempts if math.isfinite(a.score)]
    bottom = min([*scored, *levels.values()], default=0.0) - 0.05
    for name, symbol in SYMBOLS.items():
        these = [a for a in course.attempts if kind(a) == name]
        if these:
            color = BEFORE if name in ("failed", "stuck again") else AFTER
            trace = go.Scatter(
                x=[a.number for a in these],
                y=[bottom if name == "failed" else a.score for a in these],
                mode="markers",
                marker={"symbol": symbol, "size": 9, "color": color},
                name=name,
                hovertext=[_told(a) for a in these],
                hoverinfo="text",
            )
            figure.add_trace(trace)
    for (name, level), dash in zip(levels.items(), ("dot", "solid", "dashdot"), strict=False):
        ends = [numbers[0] - 0.5, numbers[-1] + 0.5]
        trace = go.Scatter(x=ends, y=[level] * 2, mode="lines", name=f"{escape(name)}, {level:.3f}")
        trace.line = {"color": BEFORE if name == "untouched" else MARK, "dash": dash, "width": 1}
        figure.add_trace(trace)
    figure.update_layout(hovermode="closest", xaxis_dtick=1 if len(numbers) <= 20 else None)
    return figure


def _told(attempt: Attempt) -> str:
    """Return what hovering over a trial shows."""
    outcome = attempt.outcome
    score = f"{attempt.score:.3f}" if math.isfinite(attempt.score) else "none"
    lines = [f"trial {attempt.number}: score {score}, {len(outcome.scores)} epochs, {outcome.seconds:.1f} s"]
    doses = [
        f"{name} {', '.join(f'{k}={_brief(v)}' for k, v in dose.items())}" for name, dose in attempt.prescription.items
    ]
    lines += doses or ["as it was"]
    if outcome.stuck:
        lines.append(f"stuck: {outcome.stuck}")
    if outcome.error:
        lines.append(outcome.error[:200])
    return "<br>".join(escape(line) for line in lines)


def _brief(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def remedies(changes: Sequence[Change]) -> go.Figure | None:
    """Draw what every remedy gained alone, and what the score lost without it."""
    if not any(value is not None for change in changes for value in (change.alone, change.without)):
        return None
    names = [escape(change.remedy) for change in changes]
    figure = _plain("score", "")
    for values, name, color in (
        ([change.alone for change in changes], "gained by it alone", MARK),
        ([change.without for change in changes], "lost without it", AFTER),
    ):
        figure.add_trace(go.Bar(y=names, x=values, orientation="h", name=name, marker_color=color))
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(height=160 + 46 * len(changes))
    return figure


def _plain(x: str, y: str) -> go.Figure:
    return go.Figure(layout={**LAYOUT, "xaxis_title_text": x, "yaxis_title_text": y})


def _subplots(titles: list[str], height: int = 380) -> go.Figure:
    figure = make_subplots(1, len(titles), subplot_titles=titles, horizontal_spacing=0.18 if len(titles) > 2 else 0.1)
    figure.update_layout(LAYOUT)
    figure.update_layout(height=height)
    return figure


LAYOUT = {
    "template": "none",
    "height": 380,
    "font": {"family": "system-ui, sans-serif", "size": 12},
    "margin": {"l": 60, "r": 20, "t": 60, "b": 50},
    "hovermode": "x unified",
}
"""Set for every plot."""
