"""Pictures of a run, drawn with matplotlib's object interface (no window, no global state)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from remedy.diagnosis import Examination
from remedy.evidence import Evidence

BEFORE, AFTER, MARK = "#b3423a", "#2f7d57", "#8a8a8a"


def curves(evidence: Evidence, examination: Examination, title: str = "") -> Figure:
    """Draw loss, score and share of predictions per class over the epochs, with the moment of the diagnosis.

    Args:
        evidence: Of one run.
        examination: Its diagnoses; the first that makes the run stuck is marked.
        title: Put above.
    """
    figure, axes = _panels(3, title)
    _loss_panel(axes[0], evidence)
    _score_panel(axes[1], evidence, "probe rows", BEFORE if examination.stuck else AFTER)
    counts = evidence.predicted_counts or ()
    if counts:
        shares = [[c / max(1, sum(row)) for c in row] for row in counts]
        epochs = range(1, len(shares) + 1)
        axes[2].stackplot(
            epochs, list(zip(*shares, strict=True)), labels=[f"class {k}" for k in range(len(shares[0]))], alpha=0.8
        )
        if len(shares[0]) <= 10:
            axes[2].legend(fontsize=7, loc="lower right")
        axes[2].set_ylim(0, 1)
    axes[2].set_title("predicted classes", fontsize=9)
    cause = examination.cause
    if cause is not None and cause.epoch:
        for axis in axes:
            axis.axvline(cause.epoch, color=MARK, linestyle="--", linewidth=1)
        axes[0].text(cause.epoch, axes[0].get_ylim()[1], f" {cause.name}", fontsize=7, color=MARK, va="top")
    return figure


def before_and_after(before: Evidence, after: Evidence, stuck_epoch: int, title: str = "") -> Figure:
    """Draw the stuck run and the fixed one in the same axes.

    Args:
        before, after: Evidence of both runs.
        stuck_epoch: Epoch (from 1) of the diagnosis.
        title: Put above.
    """
    figure, axes = _panels(2, title)
    for evidence, color, name in ((before, BEFORE, "before"), (after, AFTER, "after")):
        epochs, values = _finite(evidence.loss or ())
        axes[0].plot(epochs, values, color=color, label=f"{name}, training")
        if evidence.val_loss:
            epochs, values = _finite(evidence.val_loss)
            axes[0].plot(epochs, values, color=color, linestyle=":", label=f"{name}, validation")
        _score_panel(axes[1], evidence, name, color)
    axes[0].legend(fontsize=7)
    axes[0].set_title("loss", fontsize=9)
    axes[1].legend(fontsize=7)
    for axis in axes:
        axis.axvline(stuck_epoch, color=MARK, linestyle="--", linewidth=1)
    return figure


def _panels(count: int, title: str) -> tuple[Figure, Any]:
    # Margins set by hand: a layout engine draws everything twice, at the end of the user's training.
    figure = Figure(figsize=(3.6 * count, 2.9))
    figure.subplots_adjust(left=0.06 * 3 / count, right=0.985, bottom=0.16, top=0.82, wspace=0.24)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, count)
    for axis in axes:
        axis.set_xlabel("epoch", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.25)
    if title:
        figure.suptitle(title, fontsize=10)
    return figure, axes


def _loss_panel(axis: Any, evidence: Evidence) -> None:
    for values, label, style in (
        (evidence.loss, "training", "-"),
        (evidence.val_loss, "validation", "--"),
        (evidence.probe_loss, "training rows, inference", ":"),
    ):
        epochs, points = _finite(values or ())
        if points:
            axis.plot(epochs, points, style, label=label)
    if evidence.prior_loss is not None:
        axis.axhline(evidence.prior_loss, color=MARK, linewidth=1, label="best constant answer")
    axis.legend(fontsize=7)
    axis.set_title("loss", fontsize=9)


def _score_panel(axis: Any, evidence: Evidence, label: str, color: str) -> None:
    epochs, points = _finite(evidence.probe_score or ())
    axis.plot(epochs, points, color=color, marker="o", markersize=3, label=label)
    name = {"regression": "R\u00b2", "multilabel": "macro F1"}.get(str(evidence.task), "balanced accuracy")
    axis.set_title(f"{name}, inference mode", fontsize=9)
    if evidence.task != "regression":
        axis.set_ylim(0, 1.02)


def _finite(values: Sequence[float]) -> tuple[list[int], list[float]]:
    pairs = [(i, v) for i, v in enumerate(values, start=1) if math.isfinite(v)]
    return [i for i, _ in pairs], [v for _, v in pairs]
