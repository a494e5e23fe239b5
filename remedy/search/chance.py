"""How far chance alone may lead on the rows that a fix is proven on.

Rows of one patient, copies of one picture and overlapping windows are answered alike, so that many of them say little
more than one. Their number is divided by the design effect, 1 + (m - 1) * rho, where m is the size of a unit and rho
the intraclass correlation of what is right in it (Kish, "Survey Sampling", 1965, sections 5.4 and 8.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from remedy.data.arrays import Array
from remedy.data.heads import Head, parts
from remedy.data.scores import CLASSIFICATION, Task, class_ids, constant_score, cut_at_zero, predicted_ids


@dataclass(frozen=True)
class Dependence:
    """How rows depend on each other.

    Attributes:
        units: An id a row: rows with the same id stand for one thing, shape (n,).
        correlation: Intraclass correlation of what is answered right, from 0 to 1; 1 where it is not known.
    """

    units: Array
    correlation: float = 1.0

    def effective(self, chosen: Array) -> float:
        """Return how many independent rows the ``chosen`` ones, a mask or places, are worth."""
        sizes = np.unique(self.units[chosen], return_counts=True)[1]
        n = float(sizes.sum())
        return n / (1 + (float((sizes**2).sum()) / max(n, 1.0) - 1) * self.correlation) if n else 0.0


def lead_by_chance(
    task: Task, y: Array, chance: float, dependence: Dependence | None = None, above: float = 0.0
) -> float:
    """Return the lead over a score that a model which is no better exceeds with this chance.

    Of classes, the normal bound on a mean of recalls: each has the spread of a share at the score that is led over, or
    at one half, where it is most uncertain, if that is lower; of several labels the same over labels. Of numbers, R^2
    of answers that are independent of the target is 2 cov - var, which exceeds m with the largest chance where the
    answers have the variance m: then z = sqrt(m * n), so m = z^2 / n. Of what another model leaves unexplained the
    same share may be explained by chance.

    Args:
        task: What the labels ask for.
        y: The labels of the rows set aside, shape (n, ...).
        chance: For instance 0.01.
        dependence: How the rows depend on each other; None where each stands for itself.
        above: The score that is led over: that of another model, or of a constant answer.

    Example:
        >>> round(lead_by_chance("binary", np.array([0, 1] * 50), 0.01), 3)
        0.116
        >>> round(lead_by_chance("binary", np.array([0, 1] * 50), 0.01, Dependence(np.arange(100) // 10)), 3)
        0.26
    """
    z, n = NormalDist().inv_cdf(1 - chance), len(y)
    if task == "regression":
        return z * z / _worth(np.ones(n, dtype=bool), dependence) * (1 - min(1.0, max(0.0, above)))
    if task in CLASSIFICATION:
        ids = class_ids(y)
        steps = max(1, len(ids) // max(1, n))  # The steps of a sequence depend on each other: they stand for one row.
        masks = [ids == c for c in np.unique(ids)]
        worth = [_worth(mask.reshape(n, steps).any(1) if steps > 1 else mask, dependence) for mask in masks]
    else:
        truth = (np.asarray(y) > 0.5).reshape(n, -1)
        worth = [_worth(column, dependence) for column in truth.T]
    share = min(1.0, max(0.5, above))
    return z * math.sqrt(sum(share * (1 - share) / many for many in worth)) / len(worth)


def lead_of_heads(
    heads: Sequence[Head], y: Any, chance: float, dependence: Dependence | None = None, above: float = 0.0
) -> float:
    """Return the same for the mean over several outputs, as if the luck of all of them came together.

    Args:
        heads: The outputs; each counts by its share of the way from a constant answer to a perfect one.
        y: Their labels.
        chance, dependence, above: As for `lead_by_chance`.
    """
    leads = []
    for head, labels in zip(heads, parts(y, [head.name for head in heads]) or (), strict=False):
        constant = constant_score(head.task, labels)
        led = constant + max(0.0, above) * (1 - constant)
        leads.append(lead_by_chance(head.task, labels, chance, dependence, led) / max(1e-9, 1 - constant))
    return float(np.mean(leads)) if leads else 1.0


def _worth(mask: Array, dependence: Dependence | None) -> float:
    """Return how many independent rows a mask chooses, one at least."""
    return max(1.0, float(mask.sum()) if dependence is None else dependence.effective(mask))


def correlation(task: Task, y: Array, answers: Any, units: Array, logits: bool = False) -> float:
    """Return the intraclass correlation of what a model answers right (one-way analysis of variance, Fisher 1925).

    Args:
        task: What the labels ask for.
        y: Labels, shape (n, ...).
        answers: The model's answers to these rows.
        units: An id a row, shape (n,).
        logits: Whether a single unit answers without a sigmoid.

    Returns:
        From 0 to 1; 1 where nothing differs between rows, so that nothing is known of it.
    """
    n = len(units)
    if task == "regression":
        truth = np.asarray(y, dtype="float64").reshape(n, -1)
        wrong = truth - np.nan_to_num(np.asarray(answers, dtype="float64")).reshape(n, -1)
        right = ((truth - truth.mean(0)) ** 2).sum(1) - (wrong**2).sum(1)
    elif task in CLASSIFICATION:
        right = (class_ids(y) == predicted_ids(answers, cut_at_zero(y, answers, logits))).reshape(n, -1).mean(1)
    else:
        guess = np.nan_to_num(np.asarray(answers, dtype="float64")) > (0.0 if logits else 0.5)
        right = ((np.asarray(y) > 0.5) == guess).reshape(n, -1).mean(1)
    _, unit, sizes = np.unique(units, return_inverse=True, return_counts=True)
    many = len(sizes)
    if many < 2 or many == n:
        return 1.0
    means = np.bincount(unit, right) / sizes
    between = float((sizes * (means - right.mean()) ** 2).sum()) / (many - 1)
    within = float(((right - means[unit]) ** 2).sum()) / (n - many)
    size = (n - float((sizes**2).sum()) / n) / (many - 1)
    spread = between + (size - 1) * within
    return 1.0 if spread <= 0 else min(1.0, max(0.0, (between - within) / spread))
