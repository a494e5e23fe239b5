"""The threshold that parts two classes better than one half, where the rows can tell it from luck."""

from __future__ import annotations

import math

import numpy as np

from remedy.data.arrays import Array
from remedy.data.scores import class_ids, cut_at_zero


def moved_threshold(y: Array, output: Array, logits: bool = False) -> tuple[float, float] | None:
    """Return the balanced accuracy at a better threshold than one half, and that threshold; None for other answers.

    Each half of the rows is judged at the threshold that is best on the other, so that luck in choosing does not count.

    Args:
        y: Labels of two classes, shape (n,) or (n, 1).
        output: Answers of a single unit, shape (n, 1).
        logits: The answers are raw scores, cut at 0.
    """
    answers = np.nan_to_num(np.asarray(output, dtype="float64"))
    if answers.ndim > 1 and answers.shape[-1] > 1:
        return None
    truth, answers, logits = class_ids(y), answers.reshape(-1), cut_at_zero(y, output, logits)
    order = np.argsort(truth, kind="stable")
    halves = order[::2], order[1::2]
    if len(truth) != len(answers) or any(len(np.unique(truth[half])) != 2 for half in halves):
        return None
    if any(len(np.unique(answers[half])) < 2 for half in halves):
        return None  # Every row is answered alike: no threshold parts them.
    right = np.zeros(len(truth), dtype=bool)
    for ours, theirs in (halves, halves[::-1]):
        right[theirs] = (answers[theirs] > _best_threshold(truth[ours], answers[ours], logits)) == (truth[theirs] > 0)
    score = float(np.mean([right[truth == c].mean() for c in np.unique(truth)]))
    return score, _best_threshold(truth, answers, logits)


UNSURE = 0.5
"""Thresholds whose balanced accuracy lies within so many standard errors of the best are as good, and the one nearest
to the usual is taken: with few rows of a class the best one is mostly luck (the careful form of the one-standard-error
rule that a search uses, too)."""


def _best_threshold(truth: Array, answers: Array, logits: bool) -> float:
    """Return the threshold that parts two classes best, half-way between answers; of equally good ones the usual.

    Thresholds between the same two answers are one; where the usual one lies among the best, it stays.
    """
    values, usual = np.unique(answers), 0.0 if logits else 0.5
    cuts = (values[1:] + values[:-1]) / 2
    sides = np.sort(answers[truth > 0]), np.sort(answers[truth == 0])
    found = 1 - np.searchsorted(sides[0], cuts, side="right") / len(sides[0])
    spared = np.searchsorted(sides[1], cuts, side="right") / len(sides[1])
    score = (found + spared) / 2
    best = int(score.argmax())
    shares = [(found[best], len(sides[0])), (spared[best], len(sides[1]))]
    error = math.sqrt(sum(share * (1 - share) / n for share, n in shares)) / 2
    far = np.maximum(0.0, np.maximum(values[:-1] - usual, usual - values[1:]))
    near = int(np.where(score >= score[best] - UNSURE * error, far, np.inf).argmin())
    return usual if far[near] == 0.0 else float(cuts[near])
