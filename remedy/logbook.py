"""What stands in a run: written while it trains, while it is treated, and read back later."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from remedy import champion, gallery, report, store
from remedy.calls import number
from remedy.dataset import Dataset
from remedy.detectors._base import Detector
from remedy.engines import remembered
from remedy.engines._base import Outcome
from remedy.errors import InvalidInput, RemedyWarning
from remedy.evidence import Evidence
from remedy.look import put_back
from remedy.patient import Case, Fix, Patient, Treatment
from remedy.recipe import Recipe
from remedy.recorder import Recorder
from remedy.report import Terminal
from remedy.scores import OBJECTIVES, Scorer, score_name
from remedy.search import Attempt, Search
from remedy.tracking import Run

TRAININGS = "trainings"
"""Folder of a search run's artifacts with one file a finished training."""


def write_start(
    run: Run, recipe: Recipe | None, dataset: Dataset | None, name: str | None, log_data: bool | None
) -> None:
    """Write what is known before the first epoch: parameters, recipe, dataset, device."""
    run.tags({"remedy.device": device(), "remedy.backend": os.environ.get("KERAS_BACKEND") or _backend()})
    write_recipe(run, recipe)
    write_rows(run, dataset, name, log_data)


def write_recipe(run: Run, recipe: Recipe | None) -> None:
    """Write how a run is trained."""
    if recipe is not None:
        run.params(
            {
                "optimizer": recipe.descent["class_name"],
                "learning_rate": number(recipe.learning_rate),
                "loss": recipe.loss_name,
                "batch_size": recipe.batch_size or 32,
                "epochs": recipe.epochs,
                "class_weight": recipe.class_weight,
                "architecture": recipe.architecture.digest,
                "recipe": recipe.digest,
            }
        )
        run.json("recipe.json", recipe.to_dict())
        if recipe.kept_weights and run.run_id is not None:
            _try_to_keep("weights of frozen layers", store.keep_weights, run.run_id, recipe.kept_weights)


def write_rows(run: Run, dataset: Dataset | None, name: str | None, log_data: bool | None) -> None:
    """Write what a run is trained on, as soon as it is there."""
    if dataset is not None and run.run_id is not None:
        run.params({"task": dataset.task, "rows_train": len(dataset.train)})
        run.dataset(dataset, name or "data")
        run.tags({"remedy.data_digest": dataset.digest})
        if dataset.complete:  # `remedy tune` would take a sample for the whole.
            _try_to_keep("arrays", store.keep_data, run.run_id, dataset, log_data)


def _try_to_keep(what: str, keep: Callable[..., Any], *arguments: Any) -> None:
    """Keep something for `remedy tune`; where that fails, say so and go on."""
    try:
        keep(*arguments)
    except Exception as error:
        text = f"The {what} could not be kept for `remedy tune` ({error}); the training goes on."
        warnings.warn(text, RemedyWarning, stacklevel=4)


def write_end(
    run: Run,
    recorder: Recorder,
    conclusion: str,
    model: Any,
    dataset: Dataset | None,
    treatment: Treatment | None,
    name: str | None,
    register_as: str | None = None,
) -> None:
    """Write what is known after the last epoch: verdict, evidence, pictures, description and model."""
    examination = recorder.examination
    run.tags(report.verdict_tags(examination))
    run.json("evidence.json", recorder.evidence.to_dict())
    run.json("examination.json", examination.to_dict())
    fix = treatment.fix if treatment else None
    if treatment is None or not (fix or treatment.interrupted):  # Else the training ended when all was drawn.
        course = treatment.course if treatment else None
        case = Case(name or "run", examination, recorder.evidence, conclusion, run.run_id, None, course)
        gallery.show(case, run)
    if fix is None:
        run.note(report.note(conclusion, None, examination.diagnoses))
    if dataset is not None:
        with put_back(model):  # MLflow asks the model for an example of its answers.
            uri = run.model(model, dataset.train.X, requirements())
        if register_as is not None and uri is not None and not examination.stuck:
            scores = recorder.evidence.val_score
            write_registered(run, register_as, uri, dataset, score_name(dataset.task), scores[-1] if scores else None)


def write_fix(
    patient: Patient, run: Run, recorder: Recorder, recipe: Recipe, fix: Fix, conclusion: str, scorer: Scorer
) -> None:
    """Write a fix into its own run and link it both ways with the stuck one."""
    stuck = patient.run
    run.params({"batch_size": recipe.batch_size, "epochs": recipe.epochs, "learning_rate": recipe.learning_rate})
    run.params(fix.prescription.params())
    scores = {"confirmed": fix.proof.score, "handed_over": fix.score, "baseline": fix.baseline_score}
    run.metrics({f"{side}_{scorer.name}": value for side, value in scores.items() if value is not None})
    run.json("recipe.json", recipe.to_dict())
    run.json("evidence.json", recorder.evidence.to_dict())
    proof = {name: value for name, value in vars(fix.proof).items() if name != "evidence"}
    run.json("prescription.json", {"items": fix.prescription.to_list(), "proof": proof})
    run.text("patch.py", fix.patch + "\n")
    run.dataset(patient.dataset, patient.name or "data")
    if run.run_id is not None:
        run.note(report.note(conclusion, f"[the stuck run]({stuck.link})", (), fix.changes, run.run_id))
        headline = report.verdict(patient.examination)
        said = "Fixed" if fix.confirmed else "Not confirmed"
        link = f"[{said}: {scorer.name} {fix.baseline_score:.3f} to {fix.score:.3f}]({run.link})"
        stuck.note(report.note(headline, link, patient.examination.diagnoses, fix.changes, stuck.run_id))
        stuck.tags({"remedy.fixed_by_run_id": run.run_id, "remedy.search_result": said.lower()})
        stuck.group_families()
    uri = run.model(fix.model, patient.dataset.train.X, requirements())
    if patient.register_as is not None and uri is not None:
        held = recorder.evidence.val_score if patient.dataset.validation is not None else None
        measured = max(held) if held else None
        write_registered(run, patient.register_as, uri, patient.dataset, scorer.name, measured)
    run.end()


def write_registered(run: Run, name: str, uri: str, dataset: Dataset, metric: str, score: float | None) -> None:
    """Register a logged model and write into its run what became of it."""
    run.tags({"remedy.registered": champion.register(name, uri, dataset.digest, metric, score)})


def write_options(run: Run, options: Search) -> None:
    """Write how a search was asked for, so that it can go on in the same way."""
    objective = getattr(options.objective, "__name__", options.objective)
    run.params({"trials": options.trials, "timeout": options.timeout, "seed": options.seed, "objective": objective})


def unfinished_search(run_id: str, given: Search | None) -> tuple[Run, Search] | None:
    """Return the newest search of a run that did not come to its end, and how it was asked for; None without one.

    Args:
        run_id: The stuck run.
        given: Its limits replace those of the search that was killed; seed and objective stay.

    Raises:
        InvalidInput: The search used an objective of the user's own, and none is given.
    """
    killed = [run for run in store.children(run_id, "search") if run.info.status != "FINISHED"]
    if not killed:
        return None
    found, params, tags = killed[-1].info, killed[-1].data.params, killed[-1].data.tags
    objective = None if params["objective"] == "None" else params["objective"]
    if given is not None and given.objective is not None:
        objective = given.objective
    elif objective is not None and objective not in OBJECTIVES:
        raise InvalidInput(
            f"The search of run {run_id} scored by {objective}(); give it with search=Search(objective=...)."
        )
    timeout = None if params["timeout"] == "None" else float(params["timeout"])
    limits = given or Search(trials=int(params["trials"]), timeout=timeout)
    options = replace(limits, seed=int(params["seed"]), objective=objective)
    return Run(found.run_id, found.experiment_id, family=tags.get("remedy.family")), options


YIELD = 0.05
"""Seconds before an attempt is written: by then the next one trains. Writing and choosing what to train both need
Python's lock, and beside each other each takes twice as long."""


class SearchLog:
    """Tells the terminal and the tracking store how a search goes on.

    A thread of its own writes to the store, in order, so that no training waits for a disk or a server.
    """

    def __init__(self, terminal: Terminal, run: Run, scorer: Scorer) -> None:
        """Take who listens: the terminal, and the run below which every trial gets its own."""
        self._terminal, self._run, self._scorer = terminal, run, scorer
        self._runs: dict[int, tuple[Run, int]] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="remedy-writer")
        self._earlier: dict[str, tuple[Run, int]] = {}

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._terminal.stage(name, total)

    def step(self, name: str, score: float | None) -> None:
        """End one training."""
        self._terminal.step(name, score)

    def attempt(self, attempt: Attempt) -> None:
        """Write an attempt as a run; one that went on gets its further epochs."""
        self._later(self._write, attempt)

    def training(self, name: str, outcome: Outcome) -> None:
        """Keep what came of a training, for a search that goes on after it was killed."""
        self._later(self._run.json, f"{TRAININGS}/{name}.json", remembered.to_dict(outcome))

    def earlier(self, detectors: Sequence[Detector]) -> dict[str, Outcome]:
        """Return what came of the trainings that this search finished before it was killed."""
        if self._run.run_id is None:
            return {}
        for trial in store.children(self._run.run_id, "trial"):
            written = len(store.history(trial.info.run_id, [self._scorer.name])[self._scorer.name])
            self._earlier[trial.data.params["prescription"]] = Run(trial.info.run_id, trial.info.experiment_id), written
        found = store.read_folder(self._run.run_id, TRAININGS)
        return {name: remembered.from_dict(kept, detectors) for name, kept in found.items()}

    def close(self) -> None:
        """Wait until everything is written."""
        self._writer.shutdown()

    def _later(self, write: Callable[..., None], *what: Any) -> None:
        """Let the thread write; what it cannot write is said, and costs the search nothing."""

        def safely() -> None:
            try:
                write(*what)
            except Exception as error:
                text = f"A trial could not be written ({type(error).__name__}: {error}); the search goes on."
                warnings.warn(text, RemedyWarning, stacklevel=2)

        self._writer.submit(safely)

    def _write(self, attempt: Attempt) -> None:
        time.sleep(YIELD)
        outcome, names = attempt.outcome, attempt.prescription.names
        text = str(attempt.prescription)
        run, written = self._runs.get(attempt.number) or self._earlier.get(text) or (None, 0)
        params = {"prescription": text, **attempt.prescription.params()} if run is None else {}
        if run is None:
            tags = {"remedy.stuck": outcome.stuck, "remedy.error": outcome.error}
            name = f"{attempt.number:02d} {' + '.join(names) or 'as it was'}"
            run = self._run.child(name, "trial", {k: v for k, v in tags.items() if v})
        run.series(self._scorer.name, outcome.scores[written:], written, params)
        if attempt.others:
            run.metrics({f"{self._scorer.name}_over_seeds": attempt.score, "seeds": 1 + len(attempt.others)})
        run.end("FAILED" if outcome.error else "FINISHED")
        self._runs[attempt.number] = run, len(outcome.scores)


def last_values(evidence: Evidence) -> dict[str, float]:
    """Return the newest entry of every per-epoch field that is worth a chart."""
    names = ("loss", "val_loss", "learning_rate", "probe_score", "probe_loss", "output_spread", "seconds")
    values = {name: series[-1] for name in names if (series := getattr(evidence, name))}
    return values | {name: series[-1] for name, series in evidence.metrics.items() if series}


def requirements() -> list[str]:
    """Return pinned requirements of a logged model: Keras, its backend and NumPy."""
    import keras

    wanted = ["keras", {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}[keras.backend.backend()], "numpy"]
    pinned = []
    for name in wanted:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:
            continue
    return pinned


def device() -> str:
    """Return the kind of device that Keras trains on: "gpu:0 of 1", or "cpu"."""
    import keras

    try:
        gpus = keras.distribution.list_devices("gpu")
    except Exception:
        gpus = []
    if not gpus and keras.backend.backend() == "torch":
        import torch

        gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return f"{gpus[0]} of {len(gpus)}" if gpus else "cpu"


def _backend() -> str:
    import keras

    return str(keras.backend.backend())
