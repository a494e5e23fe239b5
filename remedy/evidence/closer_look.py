"""The second tier: costly measurements, taken when the nearly free ones look suspicious and time allows.

Suspicion is cheap and often wrong; it only decides where to look closer. A verdict is the detectors' business.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from remedy.data.heads import Head
from remedy.data.rows import Rows
from remedy.data.scores import Task
from remedy.evidence.baseline import SHALLOW_ROWS, shallow_baseline
from remedy.evidence.evidence import Evidence, Start
from remedy.evidence.layers import look

LOOKS = 6
"""Most looks at one training; they are taken at doubling distances."""

SHARE = 0.05
LEAST_SECONDS = 2.0
"""Looking closer may cost this share of the training so far, or these seconds if that is more."""

POOR = 0.2
"""Share of the way from a constant answer to a perfect one; less is suspicious after a few epochs."""

GOOD, ENOUGH = 0.9, 0.75
"""The same at the end of training: more needs no second opinion; in short trainings, where one costs too much, ENOUGH
does not: slow-learning and short-of-shallow speak of no network that covers more of the way of a shallow model."""

SLOW, SHORT = "it learns slowly", "it ended short of a perfect score"
"""Doubts that are not grave: many healthy runs raise them."""

QUICK_ROWS = 500
"""Rows of the shallow model that looks into such a doubt at the end of a short training."""

LOOK_SECONDS = 0.5
"""A look takes about so long; a doubt that is not grave waits until that is no more than `SHARE` of the training."""

HALFWAY = 0.5
EARLY = 0.1
"""Share of the planned epochs after which a run should be `HALFWAY`, or its loss be falling."""

AT_PRIOR = 0.97
RISEN = 1.5
JITTER = 0.1
"""A loss under this share of that of a constant answer may go up and down near zero."""


class CloserLook:
    """Takes looks at the layers, and a shallow baseline once.

    A training that shows nothing suspicious is never looked at.
    """

    def __init__(
        self,
        rows: Rows,
        task: Task,
        ids: bool = False,
        validation: Rows | None = None,
        heads: Sequence[Head] = (),
        start: Callable[[int], Start | None] | None = None,
    ) -> None:
        """Keep the rows to look with.

        Args:
            rows: Training rows.
            task: What the labels ask for.
            ids: True where the inputs are ids for an Embedding.
            validation: The user's validation rows, or None.
            heads: The outputs of a model of several.
            start: Measures what the starting weights are worth, given the epochs done; None where that is not known.
        """
        self._validation, self._heads = validation, heads
        self._rows, self._task, self._ids = rows, task, ids
        self._start = start
        self._next = 0
        self._spent = 0.0

    def add_to(self, evidence: Evidence, model: Any) -> Evidence:
        """Return the evidence with a look and a shallow baseline, if it is time for them."""
        epochs, planned = evidence.epochs_seen, evidence.epochs_planned
        due = epochs >= self._next or epochs == planned
        why = suspicious(evidence) if due else None
        if why is None:
            return evidence
        allowed = max(LEAST_SECONDS, SHARE * sum(evidence.seconds or ()))
        if self._spent > allowed:
            return evidence
        began, spent = time.perf_counter(), self._spent
        self._spent = math.inf  # What fails once fails at every epoch: it is not tried again.
        if why in (SLOW, SHORT) and not _cheap(evidence):
            evidence = evidence if evidence.shallow is not None else self.compare(evidence, QUICK_ROWS)
            if not _far_behind(evidence):
                self._spent = spent + time.perf_counter() - began
                return evidence
        if len(evidence.looks or ()) < LOOKS and evidence.nonfinite_epoch is None:
            evidence = replace(evidence, looks=(*(evidence.looks or ()), look(model, self._rows, epochs)))
            self._next = 2 * epochs
        if evidence.shallow is None:
            evidence = self.compare(evidence)
        if self._start is not None:
            measure, self._start = self._start, None
            evidence = replace(evidence, start=measure(epochs))
        self._spent = spent + time.perf_counter() - began
        return evidence

    def before_training(self, evidence: Evidence, model: Any) -> Evidence:
        """Return the evidence with a look at the initial weights and a shallow baseline, suspicious or not."""
        return self.compare(replace(evidence, looks=(look(model, self._rows, 0),)))

    def compare(self, evidence: Evidence, limit: int = SHALLOW_ROWS) -> Evidence:
        """Return the evidence with what a shallow model reaches on so many of the training rows."""
        epoch = evidence.epochs_seen
        rows, held, heads = self._rows, self._validation, self._heads
        found = shallow_baseline(rows, self._task, self._ids, epoch, limit=limit, validation=held, heads=heads)
        return evidence if found is None else replace(evidence, shallow=found)


def suspicious(evidence: Evidence) -> str | None:
    """Return what looks wrong after the last recorded epoch, in words, or None."""
    epochs, planned = evidence.epochs_seen, evidence.epochs_planned or math.inf
    if not epochs or (epochs < 2 and planned > 1):
        return None
    if evidence.nonfinite_epoch is not None:
        return "a number is not finite"
    way = progress(evidence, evidence.probe_score)
    if way is not None and way < POOR:
        return "the score is that of a constant answer"
    held = progress(evidence, evidence.val_score)
    if held is not None and held < POOR:
        return "the validation score is that of a constant answer"
    if evidence.probe_recalls and min(evidence.probe_recalls[-1], default=1.0) < POOR:
        return "a class is hardly ever found"
    cost = (evidence.probe_loss or evidence.loss or (math.nan,))[-1]
    if evidence.prior_loss and cost > AT_PRIOR * evidence.prior_loss:
        return "the loss is that of a constant answer"
    losses = [v for v in evidence.loss or () if math.isfinite(v)]
    if losses and min(losses) > 0 and losses[-1] > RISEN * max(min(losses), JITTER * (evidence.prior_loss or 0.0)):
        return "the loss has risen"
    ended, cheap = epochs >= planned, _cheap(evidence)
    if way is not None and epochs >= EARLY * planned and epochs > 2 and way < HALFWAY and (cheap or ended):
        return SLOW
    if way is not None and ended and way < (GOOD if cheap else ENOUGH):
        return SHORT
    return None


def _cheap(evidence: Evidence) -> bool:
    """Say whether a look is a small part of the training so far."""
    return evidence.seconds is None or SHARE * sum(evidence.seconds) >= LOOK_SECONDS


def _far_behind(evidence: Evidence) -> bool:
    """Say whether the network covers less than `ENOUGH` of the way that a shallow model covers."""
    way, known = progress(evidence, evidence.probe_score), evidence.shallow
    if known is None or way is None or known.constant >= 1:
        return False
    return way < ENOUGH * (known.score - known.constant) / (1 - known.constant)


def progress(evidence: Evidence, scores: tuple[float, ...] | None) -> float | None:
    """Return how far the last score is on the way from the constant answer (0) to a perfect one (1)."""
    if not scores or evidence.constant_score is None or not math.isfinite(scores[-1]):
        return None
    room = 1.0 - evidence.constant_score
    return (scores[-1] - evidence.constant_score) / room if room > 0 else None
