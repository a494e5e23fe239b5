"""Curves over the epochs: of one run, and of a stuck and a fixed one together."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from remedy.diagnosis import Diagnosis, Examination
from remedy.evidence.evidence import Evidence
from remedy.reporting.figures._panels import (
    AFTER,
    BEFORE,
    LEGEND,
    MARK,
    legend_below,
    logarithmic_if_wide,
    over_epochs,
    panels,
    series,
)
from remedy.reporting.figures.classes import predicted_shares

SCORES = {"regression": "R²", "multilabel": "macro F1"}
"""Names of the scores of tasks; of others it is the balanced accuracy."""


def curves(evidence: Evidence, examination: Examination, title: str = "") -> Figure:
    """Draw loss, score and share of predictions per class over the epochs, with the moment of the diagnosis.

    Args:
        evidence: Of one run.
        examination: Its diagnoses; the first that makes the run stuck is marked.
        title: Put above.
    """
    count = 3 if evidence.predicted_counts else 2
    figure, axes = panels([2.9] * count, height=2.9 + LEGEND, title=title, bottom=0.45 + LEGEND)
    loss, score = axes[:2]
    for values, label, style in (
        (evidence.loss, "training", "-"),
        (evidence.val_loss, "validation", "--"),
        (evidence.probe_loss, "training rows, inference", ":"),
    ):
        series(loss, values or (), label, linestyle=style)
    if evidence.prior_loss is not None:
        loss.axhline(evidence.prior_loss, color=MARK, linewidth=1, label="best constant answer")
    over_epochs(loss, "loss")
    _score(score, evidence, "probe rows", BEFORE if examination.stuck else AFTER)
    series(score, evidence.val_score or (), "validation rows", color=MARK, linestyle="--")
    _compared_with(score, evidence)
    if evidence.predicted_counts:
        predicted_shares(axes[2], evidence)
    _finish(axes, examination.cause)
    return figure


def before_and_after(before: Evidence, after: Evidence, cause: Diagnosis | None, title: str = "") -> Figure:
    """Draw the stuck run and the fixed one in the same axes.

    Args:
        before, after: Evidence of both runs.
        cause: What made the run stuck; its epoch is marked with its name.
        title: Put above.
    """
    figure, axes = panels([3.4, 3.4], height=2.9 + LEGEND, title=title, bottom=0.45 + LEGEND)
    loss, score = axes
    for evidence, color, name in ((before, BEFORE, "before"), (after, AFTER, "after")):
        series(loss, evidence.loss or (), f"{name}, training", color=color)
        series(loss, evidence.val_loss or (), f"{name}, validation", color=color, linestyle=":")
        _score(score, evidence, name, color)
    over_epochs(loss, "loss")
    _compared_with(score, before)
    _finish(axes, cause)
    return figure


def _score(axis: Any, evidence: Evidence, label: str, color: str) -> None:
    series(axis, evidence.probe_score or (), label, color=color, marker="o", markersize=3)
    over_epochs(axis, f"{SCORES.get(str(evidence.task), 'balanced accuracy')}, inference mode")
    if evidence.task != "regression":
        axis.set_ylim(0, 1.02)


def _compared_with(axis: Any, evidence: Evidence) -> None:
    """Draw what a constant answer and a shallow model score."""
    if evidence.constant_score is not None:
        axis.axhline(evidence.constant_score, color=MARK, linewidth=1, label="best constant answer")
    if evidence.shallow is not None:
        axis.axhline(
            evidence.shallow.score, color=MARK, linewidth=1, linestyle="-.", label=f"{evidence.shallow.model}, shallow"
        )


def _finish(axes: list[Any], cause: Diagnosis | None) -> None:
    """Mark the moment of the diagnosis, and add legends where there is something to tell apart."""
    logarithmic_if_wide(axes[0])
    for axis in axes:
        if cause is not None:
            name = cause.name if cause.epoch else f"{cause.name} (before training)"
            axis.axvline(cause.epoch, color=MARK, linestyle="--", linewidth=1, gid="diagnosis", label=name)
        legend_below(axis)
