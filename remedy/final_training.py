"""The last training of a fix: all training rows of the user, all epochs, and what is made of its result."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from remedy.confirm import Proof
from remedy.dataset import Dataset
from remedy.engines.fitting import fit_recipe
from remedy.engines.loop import Loop
from remedy.evidence import Evidence
from remedy.facts import probe, static_evidence
from remedy.logbook import last_values
from remedy.patient import Patient
from remedy.recipe import Recipe
from remedy.recorder import Recorder
from remedy.report import Terminal
from remedy.scores import Scorer
from remedy.tracking import Run

REUSABLE = ("EarlyStopping", "ReduceLROnPlateau", "LearningRateScheduler", "TerminateOnNaN")
"""Callbacks of the user that also watch the final training of a fix; they write no files."""


@dataclass(frozen=True)
class LastTraining:
    """What came of the last training.

    Attributes:
        recorder: Holds the model and the scores of the epochs that were over.
        interrupted: Whether Ctrl-C was pressed.
        whole: False where that ended this very training, and not a second try.
    """

    recorder: Recorder
    interrupted: bool = False
    whole: bool = True


def train_proven(
    patient: Patient, recipe: Recipe, proof: Proof, run: Run, terminal: Terminal, scorer: Scorer
) -> LastTraining:
    """Train from the seed whose score was the median of the proof; where that goes wrong, once more from another.

    Returns:
        The better of them.
    """
    first = train_in_full(patient, recipe, proof.best_seed, run, terminal, scorer)
    if first.interrupted or len(proof.seeds) < 2 or not went_wrong(first.recorder, proof):
        return first
    other = next(s for s in proof.seeds if s != proof.best_seed)
    second = train_in_full(patient, recipe, other, run, terminal, scorer)
    if second.interrupted:
        return replace(first, interrupted=True)
    return max(first, second, key=lambda t: t.recorder.scores[-1] if t.recorder.scores else -math.inf)


def train_in_full(
    patient: Patient, recipe: Recipe, seed: int, run: Run, terminal: Terminal, scorer: Scorer
) -> LastTraining:
    """Train a recipe on all of the user's training rows, and log every epoch.

    Args:
        patient: The stuck run; its callbacks watch where they can.
        recipe: Of the proven prescription.
        seed: Of initial weights and of everything drawn.
        run: Where the epochs are logged.
        terminal: Hears of them.
        scorer: Scores the validation rows, or the training rows where there are none.

    Returns:
        What came of it.
    """
    dataset = _as_trained(recipe, patient.dataset, seed)
    recipe = recipe.replace(target=None, resplit=False)  # The rows have it all now.
    model = recipe.build(dataset, seed)
    judged = dataset.validation or dataset.train

    def on_epoch(epoch: int, evidence: Evidence) -> None:
        run.metrics(last_values(evidence), epoch)
        terminal.step("epoch", evidence.probe_score[-1] if evidence.probe_score else None)

    recorder = Recorder(
        static_evidence(recipe, dataset),
        patient.detectors,
        probe=probe(judged),
        scorer=scorer,
        recipe=recipe,
        on_epoch=on_epoch,
    )
    try:
        fit_recipe(
            model,
            recipe,
            dataset,
            seed,
            0,
            recipe.epochs,
            [*reusable(patient.callbacks, recipe.optimizer == patient.recipe.optimizer), recorder],
            Loop(model),
            dataset.validation,
        )
    except KeyboardInterrupt:
        return LastTraining(recorder, interrupted=True, whole=False)
    return LastTraining(recorder)


def _as_trained(recipe: Recipe, dataset: Dataset, seed: int) -> Dataset:
    """Return the user's dataset split and coded as the recipe trains on it."""
    data = dataset.resplit(seed) if recipe.resplit else dataset
    held = None if data.validation is None else recipe.coded(data.validation)
    return replace(data, train=recipe.coded(data.train), validation=held)


def reusable(callbacks: Sequence[Any], same_rate: bool = True) -> list[Any]:
    """Return fresh copies of the callbacks that may watch the training of a fix.

    Args:
        callbacks: The user's.
        same_rate: False where the fix has a rate of its own, which a scheduler would overrule.
    """
    copies = []
    for callback in callbacks:
        if type(callback).__name__ == "LearningRateScheduler" and not same_rate:
            continue
        if type(callback).__name__ in REUSABLE and type(callback).__module__.startswith("keras"):
            twin = copy.copy(callback)  # on_train_begin resets what it counts
            twin._model = None
            copies.append(twin)
    return copies


def went_wrong(recorder: Recorder, proof: Proof) -> bool:
    """Say whether a training should be tried once more; what was wrong before it began is no matter of its seed."""
    return fell_short(recorder, proof) or any(
        d.severity == "error" and d.epoch > 0 for d in recorder.examination.diagnoses
    )


def fell_short(recorder: Recorder, proof: Proof) -> bool:
    """Say whether a training in full ended less than half as far from a constant answer as was proven."""
    if proof.constant is None or proof.score is None or not recorder.scores:
        return False
    return recorder.scores[-1] < (proof.constant + proof.score) / 2
