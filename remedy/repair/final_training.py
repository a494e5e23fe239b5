"""The last training of a fix: that of the proof once more, logged, and scored on the rows that were set aside.

What is handed over is what was proven. So it is trained on the rows that the proof trained on, from the seed with the
median score; the epoch is chosen by the validation rows; and its own score is that on rows which nothing has seen.
"""

from __future__ import annotations

import logging
import math
import warnings
from dataclasses import dataclass, replace

import numpy as np

from remedy.data import arrays
from remedy.data.dataset import Dataset
from remedy.data.kinship import row_keys
from remedy.data.scores import Scorer
from remedy.errors import RemedyWarning
from remedy.evidence.evidence import Evidence
from remedy.evidence.static import static_evidence
from remedy.recipe.own_callbacks import make_callbacks, restores_weights
from remedy.recipe.recipe import Recipe
from remedy.recipe.threshold import move_threshold
from remedy.reporting.run_log import last_values
from remedy.reporting.terminal import Terminal
from remedy.results import StuckRun
from remedy.search.proof import Proof
from remedy.tracking.run import Run
from remedy.training.fit_recipe import BestEpoch, Ruined, fit_recipe, fit_stream
from remedy.training.loop import Loop
from remedy.training.own_stream import Apart, NotApart, OwnStream, fits
from remedy.training.recorder import EvidenceRecorder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ground:
    """What a last training stands on.

    Attributes:
        dataset: Rows to train on, to choose the epoch by, and to score on.
        scorer: The objective.
        tolerance: By so much the validation score of an epoch may lie under the best and be called as good.
    """

    dataset: Dataset
    scorer: Scorer
    tolerance: float


@dataclass(frozen=True)
class LastTraining:
    """What came of the last training.

    Attributes:
        recorder: Holds the model and the scores of the epochs that were over.
        interrupted: Whether Ctrl-C was pressed.
        whole: False where that ended this very training, and not a second try.
        stream_rows: Rows of the user's own stream that an epoch had; None where it was trained on arrays.
    """

    recorder: EvidenceRecorder
    interrupted: bool = False
    whole: bool = True
    stream_rows: int | None = None

    @property
    def score(self) -> float | None:
        """Score of the model on the rows that were set aside; None where no epoch was over."""
        return self.recorder.scores[-1] if self.recorder.scores else None


def train_proven(
    stuck_run: StuckRun, recipe: Recipe, proof: Proof, run: Run, terminal: Terminal, ground: Ground
) -> LastTraining:
    """Train from the seed whose score was the median of the proof; where that goes wrong, once more from another.

    Returns:
        The better of them.
    """
    first = train_in_full(stuck_run, recipe, proof.best_seed, run, terminal, ground)
    if first.interrupted or len(proof.seeds) < 2 or not went_wrong(first, proof):
        return first
    other = next(s for s in proof.seeds if s != proof.best_seed)
    second = train_in_full(stuck_run, recipe, other, run, terminal, ground)
    if second.interrupted:
        return replace(first, interrupted=True)
    return max(first, second, key=_promise)


def _promise(training: LastTraining) -> float:
    """Return what a training promises by its validation rows: those that are set aside choose nothing."""
    held = training.recorder.evidence.val_score
    scores = [s for s in held or () if math.isfinite(s)]
    return max(scores) if scores else -math.inf if training.score is None else training.score


def train_in_full(
    stuck_run: StuckRun, recipe: Recipe, seed: int, run: Run, terminal: Terminal, ground: Ground
) -> LastTraining:
    """Train a recipe as the proof did, and log every epoch; where the rows are a sample of a stream, on the stream.

    Args:
        stuck_run: The stuck run.
        recipe: Of the proven prescription.
        seed: Of initial weights and of everything drawn.
        run: Where the epochs are logged.
        terminal: Hears of them.
        ground: Rows and score.

    Returns:
        What came of it.
    """
    own = _stream(stuck_run, recipe, ground.dataset)
    if own is not None:
        try:
            return _train(stuck_run, recipe, seed, run, terminal, ground, own)
        except NotApart:  # Then only what was read is kept apart from what it is scored on.
            log.debug("the stream gives other rows every time: the fix is trained on what was read of it")
        except Exception as error:  # A stream may do anything; what was proven is not lost for it.
            text = f"The fix is trained on the rows that were read of your stream ({type(error).__name__}: {error})."
            warnings.warn(text, RemedyWarning, stacklevel=2)
    return _train(stuck_run, recipe, seed, run, terminal, ground, None)


def _stream(stuck_run: StuckRun, recipe: Recipe, searched: Dataset) -> OwnStream | None:
    """Return the user's stream without the rows that are set aside; None where there is none, or it does not suit."""
    if stuck_run.stream is None or searched.holdout is None or not fits(recipe, searched):
        return None
    if not searched.provable:  # Nothing is confirmed then, and the user's training goes on with the stream.
        return None
    drawn = searched.validation if searched.validation is not stuck_run.dataset.validation else None
    aside = [searched.holdout, *([] if drawn is None else [drawn])]
    return OwnStream(*stuck_run.stream, recipe, searched, aside)


def _train(
    stuck_run: StuckRun,
    recipe: Recipe,
    seed: int,
    run: Run,
    terminal: Terminal,
    ground: Ground,
    own: OwnStream | None,
) -> LastTraining:
    dataset = _coded(recipe, _all_rows(stuck_run.dataset, ground.dataset))
    recipe = recipe.replace(target=None)  # The rows have it now.
    model = recipe.build(dataset, seed)

    def on_epoch(epoch: int, evidence: Evidence) -> None:
        run.metrics(last_values(evidence), epoch)
        terminal.step("epoch", evidence.val_score[-1] if evidence.val_score else None)

    recorder = EvidenceRecorder(
        static_evidence(recipe, dataset),
        stuck_run.detectors,
        probe=dataset.holdout,
        scorer=ground.scorer,
        recipe=recipe,
        validation=dataset.validation,
        on_epoch=on_epoch,
        keep_answers=True,
    )
    best = BestEpoch(lambda: recorder.evidence, ground.tolerance)
    first = [] if own is None else [Apart(own)]
    watch = [*first, *make_callbacks(recipe.callbacks), recorder, Ruined(), best]
    try:
        if own is None:
            fit_recipe(model, recipe, dataset, seed, 0, recipe.epochs, watch, Loop(model), dataset.validation)
        else:
            fit_stream(model, recipe, own.dataset(), watch, dataset.validation)
    except KeyboardInterrupt:
        best.restore(model)  # An epoch that was broken off is nobody's result.
        if recipe.threshold == "moved":
            move_threshold(model, recipe, dataset.validation or dataset.train)
        recorder.look_again(model)
        return LastTraining(recorder, True, False, stream_rows=None if own is None else own.rows)
    moved = recipe.threshold == "moved" and move_threshold(model, recipe, dataset.validation or dataset.train)
    if moved or best.restored or restores_weights(recipe.callbacks):
        recorder.look_again(model)
    return LastTraining(recorder, stream_rows=None if own is None else own.rows)


CHUNK = 4096
"""Rows whose keys are compared together, so that a memory-mapped array is never copied as a whole."""


def _all_rows(own: Dataset, searched: Dataset) -> Dataset:
    """Return the rows of the search; where those were a sample, all of the user's but those that were set aside.

    Left out are their groups, what comes later in time, and their copies, too.
    """
    if not searched.sampled or searched.holdout is None or searched.places is None:
        return searched
    rows, aside = own.train, [searched.holdout]
    if searched.validation is not None and searched.validation is not own.validation:
        aside.append(searched.validation)
    out = np.zeros(len(rows), dtype=bool)
    out[searched.places] = True
    if rows.groups is not None:
        out |= np.isin(rows.groups, np.concatenate([side.groups for side in aside if side.groups is not None]))
    if rows.order is not None:
        out |= rows.order >= min(side.order.min() for side in aside if side.order is not None)
    keys = {key for side in aside for key in row_keys(side.X)}
    for start in range(0, len(rows), CHUNK):
        part = arrays.take(rows.X, slice(start, start + CHUNK))
        out[start : start + CHUNK] |= np.array([key in keys for key in row_keys(part)])
    held, extra = searched.validation, searched.extra
    return replace(own, holdout=searched.holdout, validation=held, extra=extra, left_out=np.flatnonzero(out))


def _coded(recipe: Recipe, data: Dataset) -> Dataset:
    """Return the dataset coded as the recipe trains on it."""
    held, aside, extra = (side and recipe.coded(side) for side in (data.validation, data.holdout, data.extra))
    return replace(data, train=recipe.coded(data.train), validation=held, holdout=aside, extra=extra)


def went_wrong(training: LastTraining, proof: Proof) -> bool:
    """Say whether a training should be tried once more; what was wrong before it began is no matter of its seed."""
    return fell_short(training, proof) or any(
        d.severity == "error" and d.epoch > 0 for d in training.recorder.examination.diagnoses
    )


def fell_short(training: LastTraining, proof: Proof) -> bool:
    """Say whether a training in full ended less than half as far from a constant answer as was proven."""
    if proof.constant is None or proof.score is None or training.score is None:
        return False
    return training.score < (proof.constant + proof.score) / 2
