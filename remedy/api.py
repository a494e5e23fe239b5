"""The public functions: fit, tune and diagnose. Read from top to bottom."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from remedy import gallery, histories, html, registry, report, store, tracking
from remedy.advice import advise
from remedy.dataset import Dataset
from remedy.diagnosis import Diagnosis, Examination, replay
from remedy.diagnosis import diagnose as examine
from remedy.errors import DataMismatch, InvalidInput, RemedyError, RemedyWarning
from remedy.evidence import Evidence
from remedy.facts import static_evidence
from remedy.feeding import fit_model
from remedy.inputs import build_if_needed, read_fit_call
from remedy.logbook import unfinished_search, write_end, write_start
from remedy.patient import Case, Fix, Patient, Treatment
from remedy.pause import free_iterators
from remedy.recipe import Recipe
from remedy.recording import chosen_detectors, closer_look, learned_before, read_recipe, recorder_for
from remedy.report import Terminal
from remedy.search import Search
from remedy.treatment import treat

STUCK = "tags.`remedy.verdict` = 'stuck' and tags.`remedy.role` = 'fit'"
"""Runs that `tune` can treat; what `remedy watch` finds stuck was logged by something else, without recipe and data."""

__all__ = ["Fix", "Result", "diagnose", "fit", "tune"]


@dataclass(frozen=True)
class Result:
    """What `fit` hands back.

    Attributes:
        model: The user's model, trained; where a fix was found, up to the moment it was found stuck.
        history: Keras' History of that training.
        run_id, run_url: The MLflow run, None where nothing could be logged.
        stuck: Whether the run was found stuck.
        diagnoses: What was found, most certain first.
        examination: The same with what passed and what could not be seen.
        fix: The confirmed fix, or None. After Ctrl-C in the search the best so far, not confirmed.
        conclusion: One sentence that says how it ended.
        evidence: What was measured while it trained.
        advice: Where the run learns all the same: lines of Python for what was plainly unwise before training,
            such as batches of one row. Nobody has measured what they bring. None where there is nothing to say.
    """

    model: Any
    history: Any
    run_id: str | None
    run_url: str | None
    stuck: bool
    diagnoses: tuple[Diagnosis, ...]
    examination: Examination
    fix: Fix | None
    conclusion: str
    evidence: Evidence = field(default_factory=Evidence)
    advice: str | None = None

    def _repr_html_(self) -> str:
        case = Case("run", self.examination, self.evidence, self.conclusion, self.run_id, self.fix)
        return html.result(self, gallery.picture(case))


def fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    experiment: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    search: bool | Search = True,
    groups: Any = None,
    detectors: Iterable[Any] | None = None,
    ignore: Iterable[str] = (),
    remedies: Iterable[Any] | None = None,
    build: Callable[[], Any] | None = None,
    log_data: bool | None = None,
    register_as: str | None = None,
    **fit_kwargs: Any,
) -> Result:
    """Train as ``model.fit`` does, log the run, and treat it when it is stuck.

    The training is the user's own: same model object, same keywords, same callbacks. When a
    detector is certain that it is stuck, the training waits while remedies are searched. With a
    confirmed fix it ends there; without one it goes on as if nothing had happened.

    Args:
        model: A compiled Keras 3 model.
        X, y: As ``Model.fit`` takes them: arrays with n rows, or lists or dicts of arrays. Arrays of more
            than 256 MB, memory-mapped ones too, are not copied: Keras gets them batch by batch, and a search
            works on a sample of the rows.
        experiment: MLflow experiment; None takes the active one, else "remedy".
        run_name: Name of the run.
        tags: Further tags of the run.
        search: True, False (watch and say, never stop), or how to search.
        groups: One label a row, shape (n,), such as the patient: rows of a group stay on one side
            of every split, ``validation_split`` included.
        detectors: Detectors to use, by code, name, class or instance; None takes all, and an ellipsis
            stands for all others: ``[..., DeadUnits(fraction=0.6)]``.
        ignore: Codes or names of detectors to leave out, beside those in pyproject.toml.
        remedies: Remedies to choose from, by name, class or instance; None takes all.
        build: For a subclassed model: a function without arguments that returns a fresh model like it.
            Where that one is built of Keras' layers (the functional API), remedies can rewrite them;
            where it is not, it serves to begin anew from fresh weights.
        log_data: True keeps the arrays with the run, False never does; None keeps them, once by
            digest, where the store is local.
        register_as: Name in MLflow's model registry for the model of the fix, or of a run that is not stuck. It gets
            the alias "champion" where it beats the present one on the validation rows of the same data.
        **fit_kwargs: Every keyword of ``Model.fit``, with Keras' meaning.

    Returns:
        Result: With the trained model, the diagnoses and the fix.

    Raises:
        ModelError: The model is not compiled.
        InvalidInput: Keras could not train on these arrays or options.
    """
    if build is not None and not callable(build):
        raise InvalidInput(f"build={build!r}: give a function without arguments that returns a fresh model.")
    options = _options(search)
    found, chosen = chosen_detectors(detectors, ignore), registry.remedies(remedies)
    call = read_fit_call(model, X, y, fit_kwargs, groups, options.seed if options else 0)
    if call.dataset is not None:
        build_if_needed(model, call.dataset.train.X)
    recipe = read_recipe(model, call, build)
    begun = learned_before(model) if options else None
    terminal = Terminal(quiet=fit_kwargs.get("verbose", "auto") == 0)
    treatment: Treatment | None = None
    name = run_name or experiment
    own_callbacks = _as_list(call.kwargs.pop("callbacks", None))
    with tracking.open_run(experiment, run_name, tags) as run:
        write_start(run, recipe, call.dataset, name, log_data)

        def on_stuck(examination: Examination) -> bool:
            nonlocal treatment
            run.tags(report.verdict_tags(examination))
            run.json("evidence.json", recorder.evidence.to_dict())  # A killed search goes on from here.
            if options is None or recipe is None or call.dataset is None or not call.dataset.complete:
                return False
            if not recorder.evidence.probe_score and options.objective is None:
                text = "What this model answers cannot be scored (several outputs?): no remedy is searched."
                warnings.warn(text, RemedyWarning, stacklevel=2)
                return False
            patient = Patient(
                recipe, call.dataset, examination, recorder.evidence, run, found, chosen, own_callbacks, name
            )
            patient.register_as = register_as
            if begun is not None:
                text = f"Weights were loaded or trained before (layer {begun!r}); a search begins from fresh ones."
                warnings.warn(f"{text} Only frozen layers keep theirs.", RemedyWarning, stacklevel=2)
            free_iterators()
            try:
                treatment = treat(patient, options, terminal)
            except Exception as error:
                text = f"The search failed ({type(error).__name__}: {error}); the training goes on."
                warnings.warn(text, RemedyWarning, stacklevel=2)
                return False
            return treatment.fix is not None or treatment.interrupted

        recorder = recorder_for(recipe, call.dataset, found, terminal, run, on_stuck)
        history = fit_model(model, call.X, call.y, callbacks=[*own_callbacks, recorder], **call.kwargs)
        if treatment is not None:
            seen = (*recorder.examination.diagnoses, *treatment.diagnoses)
            recorder.examination = replace(recorder.examination, diagnoses=seen)
        conclusion = treatment.conclusion if treatment else report.verdict(recorder.examination)
        write_end(run, recorder, conclusion, model, call.dataset, treatment, name, register_as)
    fix = treatment.fix if treatment else None
    if fix is None:
        terminal.conclusion(conclusion)
    examination, evidence = recorder.examination, recorder.evidence
    stuck, seen = examination.stuck, examination.diagnoses
    advice = None if stuck else advise(seen, chosen, recipe, call.dataset)
    terminal.advice(advice)
    return Result(model, history, run.run_id, run.url, stuck, seen, examination, fix, conclusion, evidence, advice)


def diagnose(
    model: Any = None,
    X: Any = None,
    y: Any = None,
    *,
    run_id: str | None = None,
    detectors: Iterable[Any] | None = None,
    ignore: Iterable[str] = (),
    **fit_kwargs: Any,
) -> Examination:
    """Examine a model and its data without training, or a logged run from what was logged.

    Args:
        model: A compiled Keras model; with ``X`` and ``y``.
        X, y: As for `fit`.
        run_id: An MLflow run of any framework that logged a loss; instead of model and data.
        detectors, ignore: As for `fit`.
        **fit_kwargs: What ``Model.fit`` would be given (batch size, validation split ...).

    Returns:
        Examination: ``not_recorded`` says which detectors could not look, and what they would have needed.

    Raises:
        NotFound: There is no such run.
        InvalidInput: Neither a run nor a model with data was given.
    """
    found = chosen_detectors(detectors, ignore)
    if run_id is not None:
        return histories.examine(histories.logged_evidence(store.get_run(run_id)), found)
    if model is None or X is None:
        raise InvalidInput("diagnose() needs either run_id=, or a compiled model with X and y.")
    call = read_fit_call(model, X, y, fit_kwargs)
    if call.dataset is None:
        return examine(Evidence(), found)
    build_if_needed(model, call.dataset.train.X)
    evidence = static_evidence(Recipe.from_model(model, call.recipe_options), call.dataset)
    if "epochs" not in fit_kwargs:
        evidence = replace(evidence, epochs_planned=None)  # Keras' default of one epoch is nobody's plan.
    try:
        evidence = closer_look(evidence, call.dataset).before_training(evidence, model)
    except Exception as error:
        text = f"The layers could not be looked at ({type(error).__name__}: {error}); the rest is examined."
        warnings.warn(text, RemedyWarning, stacklevel=2)
    return examine(evidence, found)


def tune(
    experiment: str | None = None,
    *,
    run_id: str | None = None,
    search: Search | None = None,
    data: Dataset | None = None,
    force: bool = False,
    resume: bool = False,
    terminal: Terminal | None = None,
) -> dict[str, Treatment]:
    """Search a fix for runs that were found stuck earlier, without the script that trained them.

    Args:
        experiment: Treat every stuck run of this experiment that has no fix yet.
        run_id: Or treat this run.
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
    """
    runs = [store.get_run(run_id)] if run_id else store.find_runs(experiment, STUCK)
    waiting = [run for run in runs if run_id or "remedy.fixed_by_run_id" not in run.data.tags]
    treated = {}
    for found in waiting:
        unfinished = unfinished_search(found.info.run_id, search) if resume else None
        if resume and unfinished is None:
            continue
        options = search or Search()
        try:
            patient = _patient(found, data, force)
        except RemedyError as error:
            if run_id is not None:
                raise
            treated[found.info.run_id] = Treatment(None, f"Not searched: {error}")
            (terminal or Terminal()).conclusion(treated[found.info.run_id].conclusion)
            continue
        if unfinished is not None:
            patient.unfinished, options = unfinished
            if found.info.status == "RUNNING":
                patient.run.end("KILLED")
        treatment = treat(patient, options, terminal or Terminal())
        if treatment.fix is None:
            patient.run.note(report.note(treatment.conclusion, None, patient.examination.diagnoses))
            (terminal or Terminal()).conclusion(treatment.conclusion)
        treated[found.info.run_id] = treatment
    return treated


def _options(search: bool | Search) -> Search | None:
    if isinstance(search, Search):
        return search
    if isinstance(search, bool):
        return Search() if search else None
    raise InvalidInput(f"search={search!r}: give True, False or remedy.Search(...).")


def _patient(found: Any, data: Dataset | None, force: bool) -> Patient:
    run_id, tags = found.info.run_id, found.data.tags
    recipe = store.read_recipe(run_id)
    digest = tags.get("remedy.data_digest", "")
    dataset = data if data is not None else store.load_data(run_id, digest)
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
    evidence = histories.logged_evidence(found).evidence
    detectors, remedies = chosen_detectors(), registry.remedies()
    examination = replay(evidence, detectors)
    run = tracking.Run(run_id, found.info.experiment_id, family=tags.get("remedy.family"))
    return Patient(recipe, dataset, examination, evidence, run, detectors, remedies, (), found.info.run_name)


def _as_list(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    inner = getattr(callbacks, "callbacks", callbacks)  # a keras CallbackList
    return list(inner) if isinstance(inner, (list, tuple)) else [inner]
