"""What watches a training: the recipe as far as it can be read, and the recorder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.fit_call import FitCall
from remedy.data.model_checks import require_compiled
from remedy.diagnosis import Examination
from remedy.errors import ModelError
from remedy.evidence.closer_look import CloserLook
from remedy.evidence.evidence import Evidence, Start
from remedy.evidence.judging import defined_at_zero, unscored
from remedy.evidence.model_facts import carried_averages, scales_inside
from remedy.evidence.static import probe, static_evidence
from remedy.evidence.vocabulary import with_vocabulary
from remedy.recipe.recipe import Recipe
from remedy.recipe.round_trip import WAY_OUT
from remedy.recipe.seeds import keep_random_state
from remedy.reporting.run_log import last_values
from remedy.reporting.terminal import Terminal
from remedy.tracking import run as tracking
from remedy.training.recorder import EvidenceRecorder, Known

log = logging.getLogger(__name__)

VALIDATION_ROWS = 256
"""Validation rows that are scored after every epoch."""


def closer_look(evidence: Evidence, dataset: Dataset, start: Callable[[int], Start | None] | None = None) -> CloserLook:
    """Return what takes the costly looks at a training on this dataset; ``start`` is as `CloserLook` takes it."""
    ids = any(facts.ids or facts.words for facts in evidence.inputs or ())
    return CloserLook(dataset.train, dataset.task, ids, dataset.validation, dataset.heads, start)


def recipe_of_call(model: Any, call: FitCall, build: Callable[[], Any] | None = None) -> Recipe | None:
    """Return how a compiled model is about to be trained; None where that cannot be written down.

    A model that cannot be built anew is judged all the same; whether it can be treated is asked when it is stuck.

    Raises:
        ModelError: The model is not compiled.
    """
    require_compiled(model)
    try:
        recipe = Recipe.from_model(model, call.recipe_options, build)
        if call.dataset is not None and recipe.architecture.opaque:
            with keep_random_state():
                recipe.build(call.dataset, 0)  # Only the attempt shows whether such a model can be rebuilt.
        return recipe
    except ModelError:
        log.debug("%s is not built anew", type(model).__name__, exc_info=True)
        reason = f"{type(model).__name__} can be watched and judged, but not built anew. {WAY_OUT}"
    try:
        return Recipe.of_unbuildable(model, call.recipe_options, reason)
    except Exception:  # An optimizer or a loss that Keras cannot spell: its loss is watched all the same.
        log.debug("the recipe is not read", exc_info=True)
        return None


def evidence_before_training(recipe: Recipe, dataset: Dataset, model: Any) -> Evidence:
    """Return the evidence of data and recipe, with what only the live model tells of its inputs."""
    evidence = static_evidence(recipe, dataset, carried_averages(model))
    inputs = with_vocabulary(evidence.inputs, model, dataset.train.X)
    if inputs and recipe.architecture.opaque and scales_inside(model):
        inputs = tuple(replace(facts, normalized_inside=True) for facts in inputs)
    return replace(evidence, inputs=inputs)


def known_for(
    model: Any,
    recipe: Recipe | None,
    dataset: Dataset,
    expect: float | None = None,
    start: Callable[[int], Start | None] | None = None,
) -> Known:
    """Return what a recorder looks with, once the rows of a training are there.

    Args:
        model, recipe, dataset: Of the training.
        expect: Score that it must reach, or None.
        start: Measures what its starting weights are worth, where these are known.
    """
    rows = probe(dataset.train)
    held = None if dataset.validation is None else probe(dataset.validation, VALIDATION_ROWS)
    evidence = Evidence(task=dataset.task, class_counts=dataset.class_counts)
    if recipe is not None:
        evidence = evidence_before_training(recipe, dataset, model)
    evidence = replace(
        evidence,
        unscored=unscored(recipe, dataset, model),
        expected_score=expect,
        loss_defined_at_zero=None if recipe is None else defined_at_zero(recipe, rows),
    )
    if evidence.unscored is not None:  # What a score is compared with says nothing either.
        evidence = replace(evidence, task=None, constant_score=None, class_counts=None, prior_loss=None)
        return Known(evidence, rows, None, recipe, held, None)
    scorer = dataset.scorer(rows)
    return Known(evidence, rows, scorer, recipe, held, closer_look(evidence, dataset, start))


def unread(why: str, expect: float | None = None) -> Known:
    """Return what a recorder looks with where the rows cannot be read: the loss alone, and why."""
    return Known(Evidence(unscored=why, expected_score=expect))


def recorder_for(
    known: Known | None,
    detectors: Any,
    terminal: Terminal,
    run: tracking.Run,
    on_stuck: Callable[[Examination], bool] | None = None,
    arrive: Callable[[], Known | None] | None = None,
    ready: Callable[[], bool] = lambda: True,
) -> EvidenceRecorder:
    """Return the recorder of a training of the user's: it tells the terminal and writes every epoch to the run.

    Args:
        known: What it looks with; None where nothing is known of the rows, or not yet.
        detectors: What to look for.
        terminal, run: Hear of every epoch.
        on_stuck: As for `EvidenceRecorder`.
        arrive: Asked after every epoch for what to look with, until it is there.
        ready: Asked before ``on_stuck`` is called.
    """

    def on_epoch(epoch: int, evidence: Evidence) -> None:
        run.metrics(last_values(evidence), epoch)

    recorder = EvidenceRecorder(
        Evidence(),
        detectors,
        on_epoch=on_epoch,
        on_diagnosis=terminal.diagnosis,
        on_stuck=on_stuck,
        arrive=arrive,
        ready=ready,
    )
    if known is not None:
        recorder.know(known)
    return recorder
