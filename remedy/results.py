"""What goes into a repair and what comes out: a stuck run, and its fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from remedy import html
from remedy.data.dataset import Dataset
from remedy.detectors._base import Detector
from remedy.diagnosis import Diagnosis, Examination
from remedy.errors import InvalidInput
from remedy.evidence.confusion import Confusion, confusions
from remedy.evidence.evidence import Evidence
from remedy.prescription import Change, Prescription
from remedy.recipe.patch import Names
from remedy.recipe.recipe import Recipe
from remedy.remedies._base import Remedy
from remedy.search.attempts import Course
from remedy.search.proof import Proof
from remedy.tracking.run import Run


@dataclass(frozen=True, repr=False)
class Fix:
    """The smallest confirmed prescription, its model and its proof.

    Attributes:
        model: An ordinary Keras model, trained as the proof was; takes the raw X.
        run_id: Its MLflow run, linked with the stuck one; None where nothing is logged.
        prescription: Remedies and doses.
        changes: One row a remedy: before, after, what it is worth.
        patch: The same as lines of Python that run as they stand in your script, training included.
        script: The same as a function ``fixed(model, X, y)``, for another script.
        score: Of ``model`` itself, on rows used neither for training it nor for choosing. None where Ctrl-C kept the
            best so far.
        baseline_score: Median over fresh seeds of the untouched recipe on the same rows.
        confirmed: False where Ctrl-C kept the best so far, where time paid for fewer seeds than a proof needs, and
            where no rows could be set aside that are no copies of others.
        proof: The scores over fresh seeds.
        setbacks: What is worse with ``model`` than untouched, by more than chance: classes, metrics of your own.
        classes: The user's own label of every output column, or of 0 and 1 for a single unit; empty for numbers.
        evidence: What was measured while it was trained in full; None where that was not done.
        stream_rows: Rows of your stream that ``model`` was trained on an epoch; None where it was trained on arrays.
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
    classes: tuple[float, ...] = ()
    evidence: Evidence | None = None
    setbacks: tuple[str, ...] = ()
    script: str = ""
    stream_rows: int | None = None

    @property
    def before_and_after(self) -> str:
        """The scores of the untouched program and of ``model``, as far as they are known."""
        if self.score is None:
            return "not scored"
        if self.baseline_score is None:
            return f"{self.score:.3f}, with nothing to compare it with"
        return f"{self.baseline_score:.3f} -> {self.score:.3f}"

    def __repr__(self) -> str:
        """Say it in five lines."""
        known = self.before_and_after
        proven = f"confirmed on {len(self.proof.treated)} fresh seeds" if self.confirmed else "not confirmed"
        where = "on rows never trained on" if self.confirmed else "(the conclusion says on which rows)"
        worse = "; ".join(self.setbacks) or ("nothing, by more than chance" if self.proof.treated else "not compared")
        lines = len(self.patch.splitlines())
        return "\n".join(
            [
                f"Fix: {self.prescription}",
                f"Score {where}: {known}, {proven}.",
                f"Worse than untouched: {worse}.",
                f"fix.model is an ordinary Keras model; print(fix.patch) shows {lines} lines for your script.",
                f"MLflow run: {self.run_id or 'none'}",
            ]
        )

    def _repr_html_(self) -> str:
        return html.fix(self)


@dataclass(frozen=True)
class RepairResult:
    """What came of one stuck run: a fix or none, and the sentence that says so.

    Attributes:
        fix: The confirmed fix, or None. After Ctrl-C in the search the best so far, not confirmed.
        conclusion: One sentence that says how it ended.
        interrupted: True when the user pressed Ctrl-C.
        diagnoses: What only the search could show, such as a program that fails from some seeds only.
        course: How the search went.
    """

    fix: Fix | None
    conclusion: str
    interrupted: bool = False
    diagnoses: tuple[Diagnosis, ...] = ()
    course: Course | None = None


@dataclass(frozen=True)
class ReportCase:
    """A run and what came of it: all that its pictures and its report show.

    Attributes:
        name: Of the run or its experiment.
        examination, evidence: Of the run.
        conclusion: One sentence that says how it ended.
        run_id: Its MLflow run.
        fix: Its fix, or None.
        course: How the search went, or None where there was none.
        url, fix_url: Addresses of the run and of that of its fix, or None.
    """

    name: str
    examination: Examination
    evidence: Evidence
    conclusion: str
    run_id: str | None = None
    fix: Fix | None = None
    course: Course | None = None
    url: str | None = None
    fix_url: str | None = None

    @property
    def confusions(self) -> tuple[Confusion, Confusion] | None:
        """How often each class was taken for each on rows set aside, before and after; None where not counted.

        Before is the untouched training of the proof with the median score, after the model that was handed over.
        """
        return None if self.fix is None else confusions(*self.sides, self.fix.classes)

    @property
    def sides(self) -> tuple[Evidence | None, Evidence | None]:
        """Evidence of the untouched training with the median score, and of the model that was handed over."""
        return (None, None) if self.fix is None else (self.fix.proof.evidence[0], self.fix.evidence)


@dataclass(frozen=True)
class LogOptions:
    """What is kept in a run beside the metrics of its epochs.

    Attributes:
        data: True keeps the arrays, False never does, None does where the store is local.
        model: Whether the model is.
        every_n_steps: Also the metrics of every so many batches; None for none.
        register_as: Name for the model registry, or None.
        checkpoints: Whether the model of the best epoch so far is kept while it trains.
    """

    data: bool | None = None
    model: bool = True
    every_n_steps: int | None = None
    register_as: str | None = None
    checkpoints: bool = False

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            InvalidInput: No number of batches, or a model that is to be registered and not kept.
        """
        steps = self.every_n_steps
        if steps is not None and (isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 1):
            raise InvalidInput(f"log_every_n_steps={steps!r}: give a number of batches, or None.")
        if self.register_as is not None and not self.model:
            raise InvalidInput(
                f"{self.register_as!r} cannot be registered where no model is logged: log it, or give no name."
            )


@dataclass(frozen=True)
class StuckRun:
    """A stuck run and everything needed to treat it.

    Attributes:
        unfinished: A search of it that was killed.
        names: How the user's script spells what it handed to ``fit``; None without a script.
        logs: What is kept in the run of its fix beside its metrics.
        arguments: Plain keywords of the call of ``fit``, as they were logged.
        stream: The stream that ``dataset`` is a sample of, and its batches an epoch where the user said so; or None.
    """

    recipe: Recipe
    dataset: Dataset
    examination: Examination
    evidence: Evidence
    run: Run
    detectors: Sequence[Detector]
    remedies: Sequence[Remedy]
    callbacks: Sequence[Any] = ()
    name: str | None = None
    unfinished: Run | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    logs: LogOptions = field(default_factory=LogOptions)
    names: Names | None = None
    stream: tuple[Any, int | None] | None = None
