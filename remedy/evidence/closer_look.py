"""The second tier: costly measurements, taken when the first tier is suspicious and time allows."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

from remedy.data.rows import Rows
from remedy.data.scores import Task
from remedy.evidence.baseline import shallow_baseline
from remedy.evidence.evidence import Evidence
from remedy.evidence.layers import look
from remedy.evidence.suspicion import suspicious

LOOKS = 6
"""Most looks at one training; they are taken at doubling distances."""

SHARE = 0.05
LEAST_SECONDS = 2.0
"""Looking closer may cost this share of the training so far, or these seconds if that is more."""


class CloserLook:
    """Takes looks at the layers, and a shallow baseline once.

    A training that shows nothing suspicious is never looked at.
    """

    def __init__(self, rows: Rows, task: Task, ids: bool = False, validation: Rows | None = None) -> None:
        """Keep the rows to look with.

        Args:
            rows: Training rows.
            task: What the labels ask for.
            ids: True where the inputs are ids for an Embedding.
            validation: The user's validation rows, or None.
        """
        self._validation = validation
        self._rows, self._task, self._ids = rows, task, ids
        self._next = 0
        self._spent = 0.0

    def add_to(self, evidence: Evidence, model: Any) -> Evidence:
        """Return the evidence with a look and a shallow baseline, if it is time for them."""
        epochs, planned = evidence.epochs_seen, evidence.epochs_planned
        due = epochs >= self._next or epochs == planned
        if not due or suspicious(evidence) is None:
            return evidence
        allowed = max(LEAST_SECONDS, SHARE * sum(evidence.seconds or ()))
        if self._spent > allowed:
            return evidence
        began, spent = time.perf_counter(), self._spent
        self._spent = math.inf  # What fails once fails at every epoch: it is not tried again.
        if len(evidence.looks or ()) < LOOKS and evidence.nonfinite_epoch is None:
            evidence = replace(evidence, looks=(*(evidence.looks or ()), look(model, self._rows, epochs)))
            self._next = 2 * epochs
        if evidence.shallow is None:
            evidence = self.compare(evidence)
        self._spent = spent + time.perf_counter() - began
        return evidence

    def before_training(self, evidence: Evidence, model: Any) -> Evidence:
        """Return the evidence with a look at the initial weights and a shallow baseline, suspicious or not."""
        return self.compare(replace(evidence, looks=(look(model, self._rows, 0),)))

    def compare(self, evidence: Evidence) -> Evidence:
        """Return the evidence with what a shallow model reaches on the training rows."""
        found = shallow_baseline(self._rows, self._task, self._ids, evidence.epochs_seen, validation=self._validation)
        return evidence if found is None else replace(evidence, shallow=found)
