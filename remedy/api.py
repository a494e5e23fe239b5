"""The public functions fit and diagnose. Read from top to bottom."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from numbers import Real
from typing import Any

from remedy import html, registry
from remedy.data import fit_arguments as arguments
from remedy.data.fit_call import read_fit_call
from remedy.data.model_checks import build_if_needed
from remedy.diagnosis import Diagnosis, Examination
from remedy.diagnosis import diagnose as examine
from remedy.errors import InvalidInput, RemedyWarning
from remedy.evidence.evidence import Evidence
from remedy.recipe.patch import read_names
from remedy.recipe.recipe import Recipe
from remedy.recording import closer_look, evidence_before_training
from remedy.registry import chosen_detectors
from remedy.repair.advice import advise
from remedy.reporting import pictures
from remedy.reporting import text as report
from remedy.reporting.terminal import Terminal
from remedy.results import Fix, LogOptions, ReportCase
from remedy.search.options import Search
from remedy.session import Session, Wishes
from remedy.tracking import logged_evidence, queries
from remedy.tracking.connection import ui_options
from remedy.tracking.opening import open_run

__all__ = ["Fix", "Result", "diagnose", "fit"]


@dataclass(frozen=True, repr=False)
class Result:
    """What `fit` hands back.

    Attributes:
        model: The user's model, trained; where a fix was found, up to the moment it was found stuck.
        history: Keras' History of that training.
        run_id, run_url: The MLflow run, None where nothing could be logged.
        stuck: Whether the run was found stuck; ``examination.outcome`` tells "healthy" from "not judged".
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

    def __repr__(self) -> str:
        """Say it in five lines."""
        return report.summary(self.examination, self.conclusion, self.fix is not None, self.run_url)

    def _repr_html_(self) -> str:
        case = ReportCase("run", self.examination, self.evidence, self.conclusion, self.run_id, self.fix)
        return html.result(self, pictures.picture(case))


def fit(
    model: Any,
    X: Any = None,
    y: Any = None,
    *in_keras_order: Any,
    x: Any = None,
    experiment: str | None = None,
    run_name: str | None = None,
    tags: Mapping[str, str] | None = None,
    search: bool | Search = True,
    groups: Any = None,
    order: Any = None,
    expect: float | None = None,
    detectors: Any = None,
    ignore: Iterable[str] | str | None = (),
    remedies: Any = None,
    build: Callable[[], Any] | None = None,
    log_data: bool | None = None,
    log_model: bool = True,
    log_every_n_steps: int | None = None,
    log_checkpoints: bool = False,
    register_as: str | None = None,
    quiet: bool = False,
    **fit_kwargs: Any,
) -> Result:
    """Train as ``model.fit`` does, log the run, and treat it when it is stuck.

    The training is the user's own: same model object, same keywords, same callbacks. When a
    detector is certain that it is stuck, the training waits while remedies are searched. With a
    confirmed fix it ends there; without one it goes on as if nothing had happened.

    Args:
        model: A compiled Keras 3 model.
        X, y: As ``Model.fit`` takes them: arrays with n rows, or lists or dicts of arrays; numbers or texts in Python's
            lists too. Arrays of more than 256 MB, memory-mapped ones too, are not copied: Keras gets them batch by
            batch, and a search works on a sample of the rows.
        *in_keras_order: What ``Model.fit`` takes by position behind x and y: batch_size, epochs, verbose ...
        x: Keras' name for X.
        experiment: MLflow experiment; None takes the active one, else "remedy".
        run_name: Name of the run.
        tags: Further tags of the run.
        search: True, False (watch and say, never stop), or how to search.
        groups: One label a row, shape (n,), such as the patient: rows of a group stay on one side
            of every split, ``validation_split`` included.
        order: True where the rows stand in the order of time, or their times, shape (n,): every split then parts
            the earlier from the later rows, and a forecast has to beat the last value that it was given.
        expect: Score that the run must reach on unseen rows to count as healthy (balanced accuracy, macro F1 or
            R^2); a run that ends below it is stuck, whatever the detectors say.
        detectors: Detectors to use, one or several, by code, name, class or instance; None takes all, and an
            ellipsis stands for all others: ``[..., DeadUnits(fraction=0.6)]``.
        ignore: Codes or names of detectors to leave out, beside those in pyproject.toml.
        remedies: Remedies to choose from, by name, class or instance; None takes all.
        build: For a subclassed model: a function without arguments that returns a fresh model like it.
            Where that one is built of Keras' layers (the functional API), remedies can rewrite them;
            where it is not, it serves to begin anew from fresh weights.
        log_data: True keeps the arrays with the run, False never does; None does where the store is local.
        log_model: False keeps no model with the run or its fix.
        log_every_n_steps: Also log the metrics of every n-th batch, as ``batch_loss`` and so on.
        log_checkpoints: Also keep the model of the best epoch so far (lowest validation loss, or loss) while it
            trains, where ``mlflow.tensorflow.load_checkpoint`` finds it.
        register_as: Name in MLflow's model registry for the model of the fix, or of a run that is not stuck. It gets
            the alias "champion" where it beats the present one on the validation rows of the same data.
        quiet: True prints nothing of remedy's own; so does ``verbose=0``.
        **fit_kwargs: Every keyword of ``Model.fit``, with Keras' meaning; ``class_weight`` may be "balanced", as in
            scikit-learn.

    Returns:
        Result: With the trained model, the diagnoses and the fix.

    Raises:
        ModelError: The model is not compiled.
        InvalidInput: Keras could not train on these arrays or options.
    """
    X, fit_kwargs = arguments.in_keras_order(model, X, x, in_keras_order, fit_kwargs)
    for name, value in (("experiment", experiment), ("run_name", run_name)):
        if value is not None and not isinstance(value, str):
            raise InvalidInput(f"{name}={value!r:.60}: give a name in quotes.")
    if build is not None and not callable(build):
        raise InvalidInput(f"build={build!r}: give a function without arguments that returns a fresh model.")
    if expect is not None and not (isinstance(expect, Real) and math.isfinite(expect)):
        raise InvalidInput(f"expect={expect!r}: give the score that the run must reach, such as 0.9.")
    logs = LogOptions(log_data, log_model, log_every_n_steps, register_as, log_checkpoints)
    options = _options(search)
    found, chosen = chosen_detectors(detectors, ignore), registry.remedies(remedies)
    seed, searched = options.seed if options else 0, options is not None
    call = read_fit_call(model, X, y, fit_kwargs, groups, seed, order, late=True, searched=searched)
    if call.dataset is not None:
        if call.dataset.heads and options is not None and isinstance(options.objective, str):
            raise InvalidInput(
                f"Search(objective={options.objective!r}) scores one output, and the model has "
                f"{len(call.dataset.heads)}: give a function (y_true, y_pred) -> float; it gets those of all outputs."
            )
        build_if_needed(model, call.dataset.train.X)
    terminal = Terminal(quiet=quiet or fit_kwargs.get("verbose", "auto") == 0)
    names = read_names(model, X, y, fit_kwargs, groups)
    wishes = Wishes(options, found, chosen, build, run_name or experiment, logs, expect, names)
    with open_run(experiment, run_name, tags) as run:
        session = Session(model, call, wishes, run, terminal)
        history = session.train()
        conclusion = session.end()
    fix = session.repaired.fix if session.repaired else None
    if fix is None:
        terminal.conclusion(conclusion)
    examination, evidence = session.recorder.examination, session.recorder.evidence
    stuck, seen = examination.stuck, examination.diagnoses
    advice = None if fix else advise(seen, chosen, session.recipe, session.dataset, session.with_loaded)
    terminal.advice(advice, stuck)
    terminal.where(run.url, ui_options())
    return Result(model, history, run.run_id, run.url, stuck, seen, examination, fix, conclusion, evidence, advice)


def diagnose(
    model: Any = None,
    X: Any = None,
    y: Any = None,
    *,
    run_id: str | None = None,
    detectors: Any = None,
    ignore: Iterable[str] | str | None = (),
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
        return logged_evidence.examine(logged_evidence.logged_evidence(queries.get_run(run_id)), found)
    if model is None or X is None:
        raise InvalidInput("diagnose() needs either run_id=, or a compiled model with X and y.")
    call = read_fit_call(model, X, y, fit_kwargs)
    if call.dataset is None:
        return examine(Evidence(), found)
    build_if_needed(model, call.dataset.train.X)
    evidence = evidence_before_training(Recipe.from_model(model, call.recipe_options), call.dataset, model)
    if "epochs" not in fit_kwargs:
        evidence = replace(evidence, epochs_planned=None)  # Keras' default of one epoch is nobody's plan.
    try:
        evidence = closer_look(evidence, call.dataset).before_training(evidence, model)
    except Exception as error:
        text = f"The layers could not be looked at ({type(error).__name__}: {error}); the rest is examined."
        warnings.warn(text, RemedyWarning, stacklevel=2)
    return examine(evidence, found)


def _options(search: bool | Search) -> Search | None:
    if isinstance(search, Search):
        return search
    if isinstance(search, bool):
        return Search() if search else None
    raise InvalidInput(f"search={search!r}: give True, False or remedy.Search(...).")
