"""Searches a fix for runs that were found stuck earlier, without the script that trained them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from remedy.data.dataset import Dataset
from remedy.data.model_checks import heads_and_task
from remedy.detectors.below_expectation import BelowExpectation
from remedy.diagnosis import Diagnosis, Examination, replay
from remedy.errors import DataMismatch, ModelError, RemedyError, Searched, StoreError
from remedy.recipe.own_callbacks import has_schedule, with_rates
from remedy.recipe.recipe import Recipe
from remedy.recipe.seeds import keep_random_state
from remedy.registry import chosen_detectors, remedies
from remedy.repair.repair import repair
from remedy.reporting import text as report
from remedy.reporting.call_log import plain_arguments
from remedy.reporting.search_log import unfinished_search
from remedy.reporting.terminal import Terminal
from remedy.results import RepairResult, StuckRun
from remedy.search.options import Search
from remedy.tracking import artifacts, lease, logged_evidence, queries
from remedy.tracking import run as tracking
from remedy.tracking.connection import first_line
from remedy.tracking.leftovers import close_leftovers
from remedy.tracking.waiting import FIXED_BY, waiting


def tune(
    experiment: str | None = None,
    *,
    run_id: str | None = None,
    search: Search | None = None,
    data: Dataset | None = None,
    force: bool = False,
    resume: bool = False,
    terminal: Terminal | None = None,
) -> dict[str, RepairResult]:
    """Search a fix for runs that were found stuck earlier, without the script that trained them.

    Args:
        experiment: Treat every stuck run of this experiment that has no fix yet.
        run_id: Or treat this run, stuck or not.
        search: How to search.
        data: The data, where the store did not keep it.
        force: Take ``data`` although its digest is not that of the run.
        resume: Go on with searches that were killed, and begin none. What they had finished is not trained again.
            Make sure that they do not run any more.
        terminal: Hears how it goes on; a new one where None.

    Returns:
        ``{run id: what came of it}``; empty when no run is stuck without a fix.

    Raises:
        NotFound: No such experiment or run, or a run that remedy did not log to its end.
        DataMismatch: The data is not that of the run, or there is none.
        Searched: Another process searches the run at this moment.
    """
    treated = {}
    if resume:
        close_leftovers(experiment, run_id)
    for found in waiting(experiment, run_id):
        options = search or Search()
        try:
            unfinished = unfinished_search(found.info.run_id, search) if resume else None
            if resume and unfinished is None:
                continue
            if not _taken(found, options, asked=run_id is not None):
                continue
            stuck_run = _stuck_run(found, data, force)
        except Exception as error:  # What lies in a store was written by anybody: one run never ends the others.
            if not isinstance(error, Searched):
                lease.leave(found.info.run_id)
            known = error if isinstance(error, RemedyError) else StoreError(_unreadable(found, error))
            if run_id is not None:
                raise known from (None if known is error else error)
            treated[found.info.run_id] = RepairResult(None, f"Not searched: {known}")
            (terminal or Terminal()).conclusion(treated[found.info.run_id].conclusion)
            continue
        if unfinished is not None:
            stuck_run, options = replace(stuck_run, unfinished=unfinished[0]), unfinished[1]
            if found.info.status == "RUNNING":
                stuck_run.run.end("KILLED")
        if not stuck_run.examination.stuck:
            stuck_run = replace(stuck_run, examination=_asked_for(stuck_run.examination))
        try:
            repaired = repair(stuck_run, options, terminal or Terminal())
        except RemedyError as error:
            if run_id is not None:
                raise
            repaired = RepairResult(None, f"Not searched: {error}")
        if repaired.fix is None:
            stuck_run.run.note(report.note(repaired.conclusion, None, stuck_run.examination.diagnoses))
            (terminal or Terminal()).conclusion(repaired.conclusion)
        treated[found.info.run_id] = repaired
    return treated


def _taken(found: Any, options: Search, asked: bool) -> bool:
    """Put this process's name on a run; say False where it got a fix meanwhile, and nobody asked for this very run.

    Raises:
        Searched: Another process searches it.
    """
    run_id = found.info.run_id
    tags = queries.get_run(run_id).data.tags
    if not asked and FIXED_BY in tags:
        return False
    other = lease.other_holder(tags)
    if other is None and lease.take(run_id, options.timeout):
        return True
    other = other or lease.other_holder(queries.get_run(run_id).data.tags) or "Another process"
    raise Searched(f"Run {run_id} is searched already: by {other}. Wait for it, or end it.")


def _unreadable(found: Any, error: Exception) -> str:
    return f"Run {found.info.run_id} cannot be read ({type(error).__name__}: {first_line(error)})."


def _stuck_run(found: Any, data: Dataset | None, force: bool) -> StuckRun:
    run_id, tags = found.info.run_id, found.data.tags
    recipe = artifacts.read_recipe(run_id)
    recipe = recipe.replace(callbacks=_filled(recipe.callbacks, found))
    digest = tags.get("remedy.data_digest", "")
    dataset = data if data is not None else artifacts.load_data(run_id, digest)
    if dataset is None:
        raise DataMismatch(
            f"The data of run {run_id} (digest {digest}) was not kept. Give it with --data FILE.npz or "
            "--data package.module:function."
        )
    if dataset.digest != digest and not force:
        raise DataMismatch(
            f"This data has digest {dataset.digest}, run {run_id} was trained on {digest}. "
            "Give the same rows in the same order and split, or --force to use it all the same."
        )
    dataset = dataset if data is None else _with_task_of(recipe, dataset)
    evidence = logged_evidence.logged_evidence(found).evidence
    detectors = chosen_detectors()
    examination = replay(evidence, detectors)
    run = tracking.Run(run_id, found.info.experiment_id, family=tags.get("remedy.family"))
    arguments = plain_arguments(found.data.params)
    name = found.info.run_name
    return StuckRun(recipe, dataset, examination, evidence, run, detectors, remedies(), (), name, arguments=arguments)


def _with_task_of(recipe: Recipe, data: Dataset) -> Dataset:
    """Return data from outside with the task that the run's own loss and outputs ask for; labels alone tell less."""
    try:
        with keep_random_state():
            heads, task = heads_and_task(recipe.build(data, 0), data.train)
    except ModelError:  # Of a stored recipe no code is run; the search says that it cannot be built.
        return data
    return replace(data, heads=heads, task=task)


def _asked_for(examination: Examination) -> Examination:
    """Return an examination of a run that learns, with what is worth a try where somebody expects more of it."""
    kind = BelowExpectation
    wish = Diagnosis(kind.code, kind.name, "warning", "You expect more of this run.", remedies=kind.remedies)
    return replace(examination, diagnoses=(*examination.diagnoses, wish))


def _filled(callbacks: Any, found: Any) -> Any:
    """Return the stored callbacks with the rates that a schedule set, as they were logged, where none are kept."""
    if all(spec["config"].get("rates") for spec in callbacks if has_schedule([spec])):
        return callbacks
    return with_rates(callbacks, logged_evidence.logged_evidence(found).evidence.learning_rate or ())
