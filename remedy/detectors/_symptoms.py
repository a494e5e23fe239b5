"""What detectors of symptoms share: what they ask for, and how they read a series of scores or losses."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

NOT_LEARNING = (
    *("freeze-backbone", "learning-rate", "swap-activation", "optimizer", "initializer"),
    *("add-normalization", "scale-inputs"),
    *("simplify-architecture", "less-dropout", "batchnorm-momentum", "clip-gradients"),
)
"""Remedies for "it does not learn", whatever the cause, most wanted first; freezing has nothing to act on where
no weights were loaded, the learning rate where it is the usual one."""


def judged(probe_score: Sequence[float], val_score: Sequence[float] | None) -> tuple[Sequence[float], str]:
    """Return the scores that a run is judged by, and on which rows: validation rows where every epoch has them.

    Example:
        >>> judged((0.5, 0.9), (0.5, 0.7)), judged((0.5, 0.9), None)
        (((0.5, 0.7), 'validation'), ((0.5, 0.9), 'training'))
    """
    if val_score is not None and len(val_score) == len(probe_score):
        return val_score, "validation"
    return probe_score, "training"


def is_on_its_way(scores: Sequence[float], goal: float, share: float) -> bool:
    """Say whether each of the last epochs brought the score nearer to a goal, by a good share of what was left.

    Args:
        scores: Of every epoch.
        goal: What it is to reach.
        share: Of what was left.
    """
    recent = scores[-3:]
    steps = [(after - before) / (goal - before) for before, after in itertools.pairwise(recent) if goal > before]
    return len(steps) == 2 and min(steps) > share


def is_early(epochs: int, epochs_planned: int, steps_per_epoch: int | None, least_steps: int) -> bool:
    """Say whether a run is so young that a first plateau tells nothing: before half of its plan, in few steps.

    Args:
        epochs, epochs_planned: Done, and planned.
        steps_per_epoch: Batches of an epoch; where unknown no run is young.
        least_steps: Steps from which on a plateau counts.
    """
    return epochs < epochs_planned / 2 and epochs * (steps_per_epoch or math.inf) < least_steps
