"""What stands in a run: written while it trains, and when it ended or was mended."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.scores import Scorer, score_name
from remedy.errors import RemedyWarning
from remedy.evidence.evidence import Evidence
from remedy.evidence.layers import put_back
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import number
from remedy.reporting import pictures
from remedy.reporting import text as report
from remedy.reporting.call_log import write_call
from remedy.reporting.environment import backend, device, requirements
from remedy.results import Fix, LogOptions, RepairResult, ReportCase, StuckRun
from remedy.tracking import artifacts, model_registry
from remedy.tracking.run import Run
from remedy.tracking.waiting import FIXED_BY
from remedy.training.recorder import EvidenceRecorder


def write_start(
    run: Run,
    recipe: Recipe | None,
    dataset: Dataset | None,
    name: str | None,
    log_data: bool | None,
    given: Mapping[str, Any],
) -> None:
    """Write what is known before the first epoch: parameters, recipe, dataset, device."""
    run.tags({"remedy.device": device(), "remedy.backend": os.environ.get("KERAS_BACKEND") or backend()})
    write_recipe(run, recipe, given)
    write_rows(run, dataset, name, log_data)


def write_recipe(run: Run, recipe: Recipe | None, given: Mapping[str, Any]) -> None:
    """Write how a run is trained, by a call of ``fit`` with the given keywords."""
    if recipe is not None:
        run.params(_parameters(recipe, given))
        run.json("recipe.json", recipe.to_dict())
        if recipe.kept_weights and run.run_id is not None:
            _try_to_keep("weights of frozen layers", artifacts.keep_weights, run.run_id, recipe.kept_weights)


def _parameters(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a stuck run and its fix both say of their recipes, so that MLflow can set them side by side.

    The number of epochs counts from 0 as in Keras, beside ``initial_epoch``; a recipe counts those it trains.
    """
    return {
        "optimizer": recipe.descent["class_name"],
        "learning_rate": number(recipe.learning_rate),
        "loss": recipe.loss_name,
        "batch_size": recipe.batch_size or 32,
        "epochs": recipe.epochs + int(given.get("initial_epoch") or 0),
        "class_weight": recipe.class_weight,
        "architecture": recipe.architecture.digest,
        "recipe": recipe.digest,
    }


def write_rows(run: Run, dataset: Dataset | None, name: str | None, log_data: bool | None) -> None:
    """Write what a run is trained on, as soon as it is there."""
    if dataset is not None and run.run_id is not None:
        run.params({"task": dataset.task, "rows_train": len(dataset.train)})
        run.dataset(dataset, name or "data")
        run.tags({"remedy.data_digest": dataset.digest})
        if dataset.complete:  # `remedy tune` would take a sample for the whole.
            _try_to_keep("arrays", artifacts.keep_data, run.run_id, dataset, log_data)


def _try_to_keep(what: str, keep: Callable[..., Any], *arguments: Any) -> None:
    """Keep something for `remedy tune`; where that fails, say so and go on."""
    try:
        keep(*arguments)
    except Exception as error:
        text = f"The {what} could not be kept for `remedy tune` ({error}); the training goes on."
        warnings.warn(text, RemedyWarning, stacklevel=4)


def write_end(
    run: Run,
    recorder: EvidenceRecorder,
    conclusion: str,
    model: Any,
    dataset: Dataset | None,
    repaired: RepairResult | None,
    name: str | None,
    logs: LogOptions,
) -> None:
    """Write what is known after the last epoch: verdict, evidence, description and model, and pictures of a stuck run.

    MLflow draws the curves of a healthy one from its metrics; a picture would cost a short training more than watching.
    """
    examination = recorder.examination
    run.tags(report.verdict_tags(examination))
    run.json("evidence.json", recorder.evidence.to_dict())
    run.json("examination.json", examination.to_dict())
    fix = repaired.fix if repaired else None
    drawn = repaired is not None and (fix or repaired.interrupted)  # The training ended when all was drawn.
    if not drawn and (examination.stuck or repaired is not None):
        course = repaired.course if repaired else None
        case = ReportCase(name or "run", examination, recorder.evidence, conclusion, run.run_id, None, course, run.url)
        pictures.show(case, run)
    if fix is None:
        run.note(report.note(conclusion, None, examination.diagnoses))
    if dataset is not None and logs.model:
        with put_back(model):  # MLflow asks the model for an example of its answers.
            uri = run.model(model, dataset.train.X, requirements(), name or "model")
        if logs.register_as is not None and uri is not None and not examination.stuck:
            scores = recorder.evidence.val_score
            write_registered(
                run,
                logs.register_as,
                uri,
                dataset,
                score_name(dataset.task, dataset.train.target),
                scores[-1] if scores else None,
            )


def write_fix(
    stuck_run: StuckRun, run: Run, recorder: EvidenceRecorder, recipe: Recipe, fix: Fix, conclusion: str, scorer: Scorer
) -> None:
    """Write a fix into its own run and link it both ways with the stuck one."""
    stuck = stuck_run.run
    data = stuck_run.dataset
    run.params({**_parameters(recipe, stuck_run.arguments), "task": data.task, "rows_train": len(data.train)})
    write_call(run, fix.model, stuck_run.arguments)
    run.params(fix.prescription.params())
    scores = {"confirmed": fix.proof.score, "handed_over": fix.score, "baseline": fix.baseline_score}
    run.metrics({f"{side}_{scorer.name}": value for side, value in scores.items() if value is not None})
    before_and_after = {"score_before": fix.baseline_score, "score_after": fix.score}
    run.metrics({name: value for name, value in before_and_after.items() if value is not None})
    run.json("recipe.json", recipe.to_dict())
    run.json("evidence.json", recorder.evidence.to_dict())
    proof = {name: value for name, value in vars(fix.proof).items() if name != "evidence"}
    run.json("prescription.json", {"items": fix.prescription.to_list(), "proof": proof})
    run.text("patch.py", fix.patch + "\n")
    run.dataset(stuck_run.dataset, stuck_run.name or "data")
    if run.run_id is not None:
        run.note(report.note(conclusion, f"[the stuck run]({stuck.link})", (), fix.changes, run.run_id))
    logs = stuck_run.logs
    name = f"{stuck_run.name or 'model'} fixed"
    uri = run.model(fix.model, stuck_run.dataset.train.X, requirements(), name) if logs.model else None
    if logs.register_as is not None and uri is not None:
        held = recorder.evidence.val_score if stuck_run.dataset.validation is not None else None
        measured = max(held) if held else None
        write_registered(run, logs.register_as, uri, stuck_run.dataset, scorer.name, measured)
    run.end()
    if run.run_id is not None:  # Last: a run is called fixed once its fix is whole.
        headline = report.verdict(stuck_run.examination)
        said = "Fixed" if fix.confirmed else "Not confirmed"
        link = f"[{said}: {scorer.name} {fix.before_and_after.replace('->', 'to')}]({run.link})"
        stuck.note(report.note(headline, link, stuck_run.examination.diagnoses, fix.changes, stuck.run_id))
        stuck.tags({FIXED_BY: run.run_id, "remedy.search_result": said.lower()})
        stuck.group_families()


def write_registered(run: Run, name: str, uri: str, dataset: Dataset, metric: str, score: float | None) -> None:
    """Register a logged model and write into its run what became of it."""
    run.tags({"remedy.registered": model_registry.register(name, uri, dataset.digest, metric, score)})


def last_values(evidence: Evidence) -> dict[str, float]:
    """Return the newest entry of every per-epoch field that is worth a chart."""
    names = ("loss", "val_loss", "learning_rate", "probe_score", "probe_loss", "output_spread", "seconds")
    values = {name: series[-1] for name in names if (series := getattr(evidence, name))}
    return values | {name: series[-1] for name, series in evidence.metrics.items() if series}
