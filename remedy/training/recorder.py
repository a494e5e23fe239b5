"""EvidenceRecorder: the Keras callback that watches a training and gathers evidence.

It looks once an epoch, at what the epoch already gave and at a few probe rows. Its own failures
become one `RemedyWarning` and never reach the training.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from remedy.data import arrays
from remedy.data.rows import Rows
from remedy.data.scores import (
    CLASSIFICATION,
    Scorer,
    answers,
    confusion,
    cut_at_zero,
    is_mask,
    predicted_ids,
    recalls,
)
from remedy.data.thresholds import moved_threshold
from remedy.diagnosis import Diagnosis, Examination, Looks, diagnose
from remedy.errors import RemedyWarning
from remedy.evidence.closer_look import CloserLook
from remedy.evidence.evidence import PER_EPOCH, Evidence
from remedy.evidence.layers import fixed_rows, put_back
from remedy.evidence.model_facts import live_layer_facts
from remedy.evidence.static import KERAS_BATCH_SIZE
from remedy.recipe.recipe import Recipe
from remedy.training.answers import predict, probe_loss

MOST_SHORT_ROWS, MANY_VALUES = 512, 1 << 17
"""Rows predicted at a time where they are short, and values in them: a call costs as much as some hundred such rows."""


@dataclass(frozen=True)
class Known:
    """What a recorder looks with: evidence of before the first epoch, rows, score, recipe, and the costly looks."""

    evidence: Evidence
    probe: Rows | None = None
    scorer: Scorer | None = None
    recipe: Recipe | None = None
    validation: Rows | None = None
    closer: CloserLook | None = None


class EvidenceRecorder(keras.callbacks.Callback):
    """Gather evidence of one training, epoch by epoch, and diagnose it.

    Attributes:
        evidence: Everything measured so far.
        examination: The latest examination.
        scores: Score on the probe rows at the end of every epoch.
    """

    def __init__(
        self,
        evidence: Evidence,
        detectors: Iterable[Looks],
        *,
        probe: Rows | None = None,
        scorer: Scorer | None = None,
        recipe: Recipe | None = None,
        validation: Rows | None = None,
        closer: CloserLook | None = None,
        on_epoch: Callable[[int, Evidence], None] | None = None,
        on_diagnosis: Callable[[Diagnosis], None] | None = None,
        on_stuck: Callable[[Examination], bool] | None = None,
        least_steps: int = 0,
        keep_answers: bool = False,
        arrive: Callable[[], Known | None] | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare; nothing is measured before training begins.

        Args:
            evidence: What is known before the first epoch.
            detectors: What to look for.
            probe: Rows that are predicted at the end of every epoch, in inference mode.
            scorer: Scores those predictions.
            recipe: Loss, class weights and batch size of the run; needed for the probe's loss.
            validation: Rows not trained on, scored at the end of every epoch too.
            closer: Takes the costly looks, when something is suspicious; None takes none.
            on_epoch: Called with the epoch (from 0) and the evidence, after each epoch.
            on_diagnosis: Called once for every new diagnosis.
            on_stuck: Called once, when the run is first found stuck, while training waits. Return
                True to stop the training; False lets it go on as if nothing had happened.
            least_steps: Steps before ``on_stuck`` is called; a number that is not finite needs none.
            keep_answers: Keep the answers to the probe rows after the last epoch, beside the truth.
            arrive: Asked after every epoch for what to look with, until it is there: rows of a stream come late.
            ready: Asked before ``on_stuck`` is called; it is called later where the answer is no.
        """
        super().__init__()
        self.evidence = evidence
        self.detectors = tuple(detectors)
        self.examination = Examination()
        self._probe, self._recipe = probe, recipe
        # Whether answers are raw scores is a matter of the recipe, and a remedy may change it.
        self._scorer = replace(scorer, logits=recipe.from_logits) if scorer and recipe else scorer
        self._validation, self._closer = validation, closer
        self._on_epoch, self._on_diagnosis, self._on_stuck = on_epoch, on_diagnosis, on_stuck
        self._arrive, self._ready = arrive, ready
        self._began = 0.0
        self.gave_up, self._least_steps = False, least_steps
        self._warned, self._keep_answers = False, keep_answers
        self._examine()

    def know(self, known: Known) -> None:
        """Take what to look with; what was measured before stays."""
        seen = {name: series for name in PER_EPOCH if (series := getattr(self.evidence, name))}
        self.evidence = replace(known.evidence, metrics=self.evidence.metrics, **seen)
        scorer, recipe = known.scorer, known.recipe
        self._probe, self._recipe, self._validation, self._closer = known.probe, recipe, known.validation, known.closer
        self._scorer = replace(scorer, logits=recipe.from_logits) if scorer and recipe else scorer
        self._examine()

    @property
    def scores(self) -> Sequence[float]:
        """Score on the probe rows at the end of every epoch so far."""
        return self.evidence.probe_score or ()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Start the clock of this epoch."""
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure, diagnose, tell; never raise."""
        try:
            if self._arrive is not None and self._probe is None and (known := self._arrive()) is not None:
                self.know(known)
            self._measure(epoch, dict(logs or {}))
            self._look_closer()
            self._examine()
            if self._on_epoch:
                self._on_epoch(epoch, self.evidence)
        except Exception as error:
            self._warn(error)
        if self.examination.stuck and self._on_stuck and not self.gave_up and self._waited() and self._all_there():
            self.gave_up = True
            if self._on_stuck(self.examination):
                self.model.stop_training = True

    def _all_there(self) -> bool:
        """Say whether all rows are there that will ever be; a failure of ours means no."""
        try:
            return self._ready()
        except Exception as error:
            self._warn(error)
            return False

    def add(self, diagnoses: Sequence[Diagnosis]) -> None:
        """Add what something else found in this run, such as its search; what was found already stays as it is."""
        seen = self.examination.diagnoses
        known = {d.code for d in seen}
        more = tuple(d for d in diagnoses if d.code not in known)
        self.examination = replace(self.examination, diagnoses=(*seen, *more))

    def look_again(self, model: Any) -> None:
        """Put what a model's weights are worth now in the place of the last epoch's: other weights were put back."""
        if self._probe is None or not self.evidence.epochs_seen:
            return
        self.set_model(model)
        try:
            self._replace_last(self._predict(self._probe.X), self._probe)
        except Exception as error:
            self._warn(error)

    def _replace_last(self, outputs: Any, probe: Rows) -> None:
        """Put what the weights that were put back are worth in the place of the last epoch's."""
        values = self._judged(outputs, probe)
        series = {name: getattr(self.evidence, name) for name in values}
        known: dict[str, Any] = {name: (*told[:-1], values[name]) for name, told in series.items() if told}
        if self._keep_answers:
            known |= self._answers(outputs, probe)
        self.evidence = replace(self.evidence, **known)

    def _waited(self) -> bool:
        steps = self.evidence.epochs_seen * (self.evidence.steps_per_epoch or 1)
        return steps >= self._least_steps or self.evidence.nonfinite_epoch is not None

    def _look_closer(self) -> None:
        try:
            if self._closer is not None:
                self.evidence = self._closer.add_to(self.evidence, self.model)
        except Exception as error:  # The epoch is diagnosed all the same, without the look.
            self._warn(error)

    def _measure(self, epoch: int, logs: dict[str, Any]) -> None:
        numbers = {name: float(np.asarray(value)) for name, value in logs.items() if np.ndim(value) == 0}
        values: dict[str, Any] = {
            "seconds": time.perf_counter() - self._began,
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        numbers.pop("learning_rate", None)
        if "loss" in numbers:  # A train_step of the user's own may log others.
            values["loss"] = numbers.pop("loss")
        if "val_loss" in numbers:
            values["val_loss"] = numbers.pop("val_loss")
        outputs = None if self._probe is None else self._predict(self._probe.X)
        bad = next((name for name in ("loss", "val_loss") if not math.isfinite(values.get(name, 0.0))), None)
        if "loss" not in values:
            bad = next((name for name, value in numbers.items() if "loss" in name and not math.isfinite(value)), None)
        if outputs is not None and self._probe is not None and (self._several or isinstance(outputs, np.ndarray)):
            finite = all(bool(np.all(np.isfinite(part))) for part in arrays.leaves(outputs))
            bad = bad or (None if finite else "outputs")
            values |= self._judged(outputs, self._probe)
            numbers |= self._ways(outputs, self._probe)
        if self.evidence.layers is None and self._recipe is not None and not self.evidence.epochs_seen:
            self.evidence = replace(self.evidence, layers=live_layer_facts(self.model))
        series = dict(self.evidence.metrics.items())
        series |= {name: (*series.get(name, ()), value) for name, value in numbers.items()}
        self.evidence = self.evidence.with_epoch(**values)
        changes: dict[str, Any] = {"metrics": series}
        if self._keep_answers and isinstance(outputs, np.ndarray) and self._probe is not None:
            changes |= self._answers(outputs, self._probe)
        if bad and self.evidence.nonfinite_epoch is None:
            changes |= {"nonfinite_epoch": self.evidence.epochs_seen - 1, "nonfinite_what": bad}
        self.evidence = replace(self.evidence, **changes)

    def _judged(self, outputs: Any, probe: Rows) -> dict[str, Any]:
        """Return what the outputs are worth; where they cannot be judged, the epoch is logged all the same."""
        try:
            values = self._judge_outputs(outputs, probe)
            judged, held = probe, outputs
            if self._validation is not None and self._scorer is not None:
                judged, held = self._validation, self._predict(self._validation.X)
                values["val_score"] = self._scorer(judged.y if self._several else judged.target, held)
                if self.evidence.task in CLASSIFICATION:
                    values["val_recalls"] = tuple(recalls(judged.target, held, self._logits).values())
            if self.evidence.task == "binary" and not self._keep_answers and not is_mask(judged.target):
                moved = moved_threshold(judged.target, held, self._logits)
                values |= {} if moved is None else {"moved_score": moved[0], "moved_threshold": moved[1]}
        except Exception as error:
            self._warn(error)
            return {}
        return values

    @property
    def _logits(self) -> bool:
        return bool(self._recipe and self._recipe.from_logits)

    @property
    def _several(self) -> bool:
        return self._scorer is not None and self._scorer.whole

    def _ways(self, outputs: Any, probe: Rows) -> dict[str, float]:
        """Return how far every output of a model of several is on its way, as series of their own."""
        if self._scorer is None or self._scorer.by_output is None:
            return {}
        return {f"{name}_score": value for name, value in self._scorer.by_output(probe.y, outputs).items()}

    def _judge_outputs(self, outputs: Any, probe: Rows) -> dict[str, Any]:
        if self._several and self._scorer is not None:
            return {"probe_score": self._scorer(probe.y, outputs)}
        flat = outputs.reshape(-1, outputs.shape[-1]) if outputs.ndim > 1 else outputs.reshape(-1, 1)
        values: dict[str, Any] = {"output_spread": float(np.max(np.std(flat.astype("float64"), axis=0)))}
        if self.evidence.task in CLASSIFICATION:
            classes = max(2, flat.shape[-1])
            cut = cut_at_zero(probe.target, outputs, self._logits)
            counts = np.bincount(np.clip(predicted_ids(outputs, cut), 0, None), minlength=classes)
            values["predicted_counts"] = tuple(int(c) for c in counts)
            values["probe_recalls"] = tuple(recalls(probe.target, outputs, self._logits).values())
        if self._scorer is not None:
            values["probe_score"] = self._scorer(probe.target, outputs)
        if self._recipe is not None and (cost := probe_loss(self._recipe, probe, outputs)) is not None:
            values["probe_loss"] = cost
        return values

    def _answers(self, outputs: Any, probe: Rows) -> dict[str, Any]:
        """Return the answers beside the truth, in the user's own labels and units."""
        task = self.evidence.task
        coding = self._recipe.target if self._recipe else None
        decode = coding.decode if coding else float
        if task in (None, "several") or (task == "regression" and np.size(outputs) != np.size(probe.target)):
            return {}
        assert task is not None
        if task == "regression":
            return {"answers": tuple((decode(a), decode(b)) for a, b in answers(probe.target, outputs))}
        pairs = confusion(task, probe.target, outputs, self._logits)
        return {"confusion": tuple((decode(a), decode(b), rows) for a, b, rows in pairs)}

    def _predict(self, X: arrays.Nest) -> Any:
        with put_back(self.model, whole=False):
            return predict(self.model, X, self._batch_size(X))

    def _batch_size(self, X: arrays.Nest) -> int:
        """Return the batch size of the run: more for short rows, less where it is mostly filling; a fixed one stays."""
        short = min(MOST_SHORT_ROWS, MANY_VALUES // max(1, sum(np.size(leaf[0]) for leaf in arrays.leaves(X))))
        size = max(KERAS_BATCH_SIZE, short, (self._recipe.batch_size if self._recipe else None) or 0)
        enough = 1 << (arrays.length(X) - 1).bit_length()  # Powers of two: few shapes, so few traces.
        return fixed_rows(self.model) or max(KERAS_BATCH_SIZE, min(size, enough))

    def _examine(self) -> None:
        known = {d.code for d in self.examination.diagnoses}
        self.examination = diagnose(self.evidence, self.detectors, self.examination.diagnoses)
        if self._on_diagnosis:
            for diagnosis in self.examination.diagnoses:
                if diagnosis.code not in known:
                    self._on_diagnosis(diagnosis)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            self._warned = True
            text = f"remedy could not look at this epoch ({type(error).__name__}: {error}); the training goes on."
            warnings.warn(text, RemedyWarning, stacklevel=2)
