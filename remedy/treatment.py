"""Treats one stuck recipe: search, smallest set, proof, final training, linked runs.

`remedy.fit` and `remedy tune` both come here; what differs is only where recipe and data are from.
"""

from __future__ import annotations

import copy
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from remedy import confirm, figures, report
from remedy.confirm import Proof
from remedy.dataset import Dataset
from remedy.detectors._base import Detector
from remedy.diagnosis import Examination
from remedy.engines.inline import InlineEngine, fit_recipe, keep_random_state
from remedy.evidence import Evidence
from remedy.facts import probe, static_evidence
from remedy.prescription import Change, Prescription, patch
from remedy.recipe import Recipe
from remedy.recorder import Recorder
from remedy.remedies._base import Remedy
from remedy.report import Terminal
from remedy.scores import Scorer, scorer_for
from remedy.search import Attempt, Budget, Screening, Search
from remedy.tracking import Run

REUSABLE = ("EarlyStopping", "ReduceLROnPlateau", "LearningRateScheduler", "TerminateOnNaN")
"""Callbacks of the user that also watch the final training of a fix; they write no files."""


@dataclass(frozen=True)
class Fix:
    """The smallest confirmed prescription, its model and its proof.

    Attributes:
        model: An ordinary Keras model, trained for the full number of epochs; takes the raw X.
        run_id: Its MLflow run, linked with the stuck one; None where nothing is logged.
        prescription: Remedies and doses.
        changes: One row a remedy: before, after, what it is worth.
        patch: The same as lines of Python.
        score, baseline_score: Median over fresh seeds of the treated and the untouched recipe, on
            rows used neither for training nor for choosing. None while not confirmed.
        confirmed: False only where Ctrl-C kept the best so far.
        proof: The scores behind it.
    """

    model: Any
    run_id: str | None
    prescription: Prescription
    changes: tuple[Change, ...]
    patch: str
    score: float | None
    baseline_score: float | None
    confirmed: bool
    proof: Proof


@dataclass(frozen=True)
class Treatment:
    """What came of treating one recipe: a fix or none, and the sentence that says so."""

    fix: Fix | None
    conclusion: str
    interrupted: bool = False


@dataclass
class Patient:
    """A stuck run and everything needed to treat it."""

    recipe: Recipe
    dataset: Dataset
    examination: Examination
    evidence: Evidence
    run: Run
    detectors: Sequence[Detector]
    remedies: Sequence[Remedy]
    callbacks: Sequence[Any] = ()
    name: str | None = None


def treat(patient: Patient, options: Search, terminal: Terminal) -> Treatment:
    """Search a fix for a stuck run, prove it, train it in full, and link both runs.

    Args:
        patient: The stuck run.
        options: How to search.
        terminal: Hears how it goes on.
    """
    with keep_random_state():
        data = patient.dataset.for_search(options.seed)
        scorer = scorer_for(data.task, data.holdout.target, options.objective, patient.recipe.from_logits)  # type: ignore[union-attr]
        engine = InlineEngine(data, scorer, patient.detectors)
        search_run = patient.run.child(
            f"search {patient.name or ''}".strip(), "search", {"remedy.verdict": "searching"}
        )
        listener = _Both(terminal, search_run, scorer)
        screening = Screening(
            data, patient.recipe, patient.remedies, engine, options, listener, Budget(options.timeout, engine)
        )
        try:
            treatment = _treat(patient, screening, scorer, terminal, search_run)
        except BaseException:
            search_run.end("FAILED")
            raise
        finally:
            terminal.close()
        search_run.tags({"remedy.verdict": "fixed" if treatment.fix else "no fix"})
        search_run.note(report.note(treatment.conclusion, None, (), treatment.fix.changes if treatment.fix else ()))
        search_run.end("KILLED" if treatment.interrupted else "FINISHED")
    return treatment


def _treat(patient: Patient, screening: Screening, scorer: Scorer, terminal: Terminal, search_run: Run) -> Treatment:
    screening.run(patient.examination.diagnoses, _seconds_per_epoch(patient, screening.dataset))
    best, proof = screening.best(), None
    if best is not None and best.score > _floor(screening):
        reduction = confirm.Reduction(best.prescription)
        interrupted = screening.interrupted
        if not interrupted:
            try:
                reduction = confirm.reduce(screening, best)
                proof = confirm.prove(screening, reduction.prescription, scorer)
            except KeyboardInterrupt:
                interrupted, proof = True, None
        terminal.close()
        search_run.metrics({"trials": len(screening.attempts), "seconds": screening.budget.spent})
        if interrupted:
            return _keep_best(patient, screening, best)
        if proof is not None and proof.holds:
            changes = confirm.changes(screening, reduction)
            return _complete(patient, screening, reduction.prescription, changes, proof, scorer, terminal)
    conclusion = report.no_fix(screening.attempts, proof, scorer.name, screening.interrupted)
    patient.run.tags({"remedy.search_result": "no fix"})
    return Treatment(None, conclusion, screening.interrupted)


def _complete(
    patient: Patient,
    screening: Screening,
    prescription: Prescription,
    changes: tuple[Change, ...],
    proof: Proof,
    scorer: Scorer,
    terminal: Terminal,
) -> Treatment:
    """Train the proven prescription in full and log it as a run linked both ways."""
    recipe = prescription.apply(patient.recipe, patient.dataset, patient.remedies)
    run = patient.run.child(
        f"fixed {patient.name or ''}".strip(),
        "fix",
        {"remedy.verdict": "fixed", "remedy.fixes_run_id": str(patient.run.run_id)},
    )
    terminal.stage("training the fix for all epochs", recipe.epochs)
    recorder = _train_in_full(patient, recipe, proof.best_seed, run, terminal, scorer)
    if recorder.examination.stuck and len(proof.seeds) > 1:
        other = next(s for s in proof.seeds if s != proof.best_seed)
        recorder = _train_in_full(patient, recipe, other, run, terminal, scorer)
    lines = patch(prescription, patient.recipe, patient.dataset, patient.remedies)
    fix = Fix(recorder.model, run.run_id, prescription, changes, lines, proof.score, proof.baseline_score, True, proof)
    conclusion = report.fixed(proof, scorer.name, str(prescription), True)
    terminal.conclusion(conclusion, proof, changes)
    _log_fix(patient, run, recorder, recipe, fix, conclusion, scorer)
    return Treatment(fix, conclusion)


def _train_in_full(
    patient: Patient, recipe: Recipe, seed: int, run: Run, terminal: Terminal, scorer: Scorer
) -> Recorder:
    model = recipe.build(patient.dataset, seed)
    judged = patient.dataset.validation or patient.dataset.train

    def on_epoch(epoch: int, evidence: Evidence) -> None:
        run.metrics(last_values(evidence), epoch)
        terminal.step("epoch", evidence.probe_score[-1] if evidence.probe_score else None)

    recorder = Recorder(
        static_evidence(recipe, patient.dataset),
        patient.detectors,
        probe=probe(judged),
        scorer=scorer,
        recipe=recipe,
        on_epoch=on_epoch,
    )
    held = patient.dataset.validation
    validation = None if held is None else tuple(v for v in (held.X, held.y, held.sample_weight) if v is not None)
    try:
        fit_recipe(
            model,
            recipe,
            patient.dataset,
            seed,
            0,
            recipe.epochs,
            [*reusable(patient.callbacks), recorder],
            validation_data=validation,
        )
    except KeyboardInterrupt:
        terminal.console.print("Interrupted: the fix keeps the weights of its last full epoch.")
    return recorder


def _keep_best(patient: Patient, screening: Screening, best: Attempt) -> Treatment:
    """Return the best so far, as it stands, after Ctrl-C."""
    model = screening.engine.model(best.key)
    if model is None or best.recipe is None:
        return Treatment(None, report.no_fix(screening.attempts, None, "score", True), True)
    lines = patch(best.prescription, patient.recipe, patient.dataset, patient.remedies)
    rows = confirm.changes(screening, confirm.Reduction(best.prescription))
    fix = Fix(model, None, best.prescription, rows, lines, None, None, False, Proof())
    return Treatment(fix, report.fixed(fix.proof, "", str(best.prescription), False), True)


def _log_fix(
    patient: Patient, run: Run, recorder: Recorder, recipe: Recipe, fix: Fix, conclusion: str, scorer: Scorer
) -> None:
    stuck = patient.run
    run.params({"batch_size": recipe.batch_size, "epochs": recipe.epochs, "learning_rate": recipe.learning_rate})
    run.params(fix.prescription.params())
    run.metrics({f"confirmed_{scorer.name}": fix.score or 0.0, f"baseline_{scorer.name}": fix.baseline_score or 0.0})
    run.json("recipe.json", recipe.to_dict())
    run.json("evidence.json", recorder.evidence.to_dict())
    run.json("prescription.json", {"items": fix.prescription.to_list(), "proof": vars(fix.proof)})
    run.text("patch.py", fix.patch + "\n")
    run.dataset(patient.dataset, patient.name or "data")
    cause = patient.examination.cause
    epoch = cause.epoch if cause else 0
    picture = figures.before_and_after(patient.evidence, recorder.evidence, epoch, "before and after")
    for target in (run, stuck):
        target.figure("before_and_after.png", picture)
    if run.run_id is not None:
        run.note(report.note(conclusion, f"[the stuck run]({stuck.link})", (), fix.changes))
        headline = report.verdict(patient.examination)
        link = f"[Fixed: {scorer.name} {fix.baseline_score:.3f} to {fix.score:.3f}]({run.link})"
        stuck.note(report.note(headline, link, patient.examination.diagnoses, fix.changes))
        stuck.tags({"remedy.fixed_by_run_id": run.run_id, "remedy.search_result": "fixed"})
    run.model(fix.model, patient.dataset.train.X, requirements())
    run.end()


class _Both:
    """Tells the terminal and the tracking store how a search goes on."""

    def __init__(self, terminal: Terminal, run: Run, scorer: Scorer) -> None:
        self._terminal, self._run, self._scorer = terminal, run, scorer
        self._runs: dict[int, Run] = {}

    def stage(self, name: str, total: int) -> None:
        self._terminal.stage(name, total)

    def step(self, name: str, score: float | None) -> None:
        self._terminal.step(name, score)

    def attempt(self, attempt: Attempt) -> None:
        new = attempt.number not in self._runs
        outcome = attempt.outcome
        if new:
            name = f"{attempt.number:02d} {' + '.join(attempt.prescription.names) or 'as it was'}"
            tags = {"remedy.stuck": outcome.stuck, "remedy.error": outcome.error}
            run = self._runs[attempt.number] = self._run.child(name, "trial", {k: v for k, v in tags.items() if v})
            run.params({"prescription": str(attempt.prescription), **attempt.prescription.params()})
        run = self._runs[attempt.number]
        for epoch, score in enumerate(outcome.scores):
            run.metrics({self._scorer.name: score}, epoch)
        run.end("FAILED" if outcome.error else "FINISHED")


def last_values(evidence: Evidence) -> dict[str, float]:
    """Return the newest entry of every per-epoch field that is worth a chart."""
    names = ("loss", "val_loss", "learning_rate", "probe_score", "probe_loss", "output_spread", "seconds")
    values = {name: series[-1] for name in names if (series := getattr(evidence, name))}
    return values | {name: series[-1] for name, series in evidence.metrics.items() if series}


def reusable(callbacks: Sequence[Any]) -> list[Any]:
    """Return fresh copies of the callbacks that may watch the training of a fix."""
    copies = []
    for callback in callbacks:
        if type(callback).__name__ in REUSABLE and type(callback).__module__.startswith("keras"):
            twin = copy.copy(callback)  # on_train_begin resets what it counts
            twin._model = None
            copies.append(twin)
    return copies


def requirements() -> list[str]:
    """Return pinned requirements of a logged model: Keras, its backend and NumPy."""
    from importlib.metadata import PackageNotFoundError, version

    import keras

    wanted = ["keras", {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}[keras.backend.backend()], "numpy"]
    pinned = []
    for name in wanted:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pinned


def _floor(screening: Screening) -> float:
    """Return the score that an attempt has to pass to be worth confirming."""
    return screening.baseline.score if math.isfinite(screening.baseline.score) else -math.inf


def _seconds_per_epoch(patient: Patient, data: Dataset) -> float | None:
    seconds = [s for s in patient.evidence.seconds or () if math.isfinite(s)]
    if not seconds:
        return None
    return statistics.median(seconds[-5:]) * len(data.train) / max(1, len(patient.dataset.train))
