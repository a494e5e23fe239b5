"""From evidence to an examination: what is wrong, what is fine, and what could not be seen.

`diagnose` runs detectors over one `Evidence`. It knows nothing of Keras or MLflow, so it works the
same while a run trains, after it ended, and on runs that something else logged.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Literal, Protocol

from remedy.evidence.evidence import Evidence

EVERY_EPOCH, LONGER = 300, 1.02
"""A finished run is examined after each of so many epochs; from there on after each that makes it two per cent longer.
Examinations cost as much as the run is long, so looking at every beginning takes four times as long for a run of twice
the length. A diagnosis that becomes certain late thus gets an epoch that is at most two per cent too high."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What a detector saw.

    Attributes:
        message: One sentence with its numbers.
        measured: The numbers behind the sentence, by name.
        threshold: The bound that was crossed, in the unit of what was measured.
        confidence: Between 0 and 1.
        remedies: Names of the remedies that this finding asks for; None takes those of its detector.
    """

    message: str
    measured: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    confidence: float = 1.0
    remedies: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Diagnosis:
    """A finding with the detector that made it.

    Attributes:
        code: The detector's code, such as "DAT102". Codes are never reused.
        name: The trouble, such as "unscaled-input".
        severity: "error" makes the run stuck; "warning" is said and never stops a run.
        message, measured, threshold, confidence: See `Finding`.
        epoch: Epoch (counted from 1) at whose end it became certain; 0 means before training.
        remedies: Names of the remedies that the detector asks for.
        symptom: True where it says that training fails rather than why.
    """

    code: str
    name: str
    severity: Severity
    message: str
    measured: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    confidence: float = 1.0
    epoch: int = 0
    remedies: tuple[str, ...] = ()
    symptom: bool = False

    def __str__(self) -> str:
        """Return code, name and sentence on one line."""
        return f"{self.code} {self.name}: {self.message}"


SHOWN = 9
"""Diagnoses that are printed of an examination."""


@dataclass(frozen=True)
class Examination:
    """The honest whole: every detector ended in exactly one of these places.

    Attributes:
        diagnoses: What was found: causes that make the run stuck first, then the surest symptom,
            then warnings, each by confidence.
        passed: Names of detectors that looked and found nothing.
        not_applicable: ``{name: why}`` where the question does not arise (another task).
        not_recorded: ``{name: missing evidence}`` where it could not be answered.
        failed: ``{name: error}`` where the detector itself broke.
        unjudged: Why nothing can be said of how it learns, and what would let remedy judge; None where it was judged.
    """

    diagnoses: tuple[Diagnosis, ...] = ()
    passed: tuple[str, ...] = ()
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    not_recorded: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    unjudged: str | None = None

    @property
    def outcome(self) -> Literal["stuck", "healthy", "not judged"]:
        """The verdict; a run is called healthy only where something that it learns was looked at."""
        return "stuck" if self.stuck else "healthy" if self.unjudged is None else "not judged"

    @property
    def stuck(self) -> bool:
        """True when at least one diagnosis is an error."""
        return any(d.severity == "error" for d in self.diagnoses)

    @property
    def blind(self) -> bool:
        """True when there was no loss to look at, so that nothing can be said of the training."""
        return not self.stuck and "loss" in self.not_recorded.values()

    @property
    def cause(self) -> Diagnosis | None:
        """The first diagnosis that makes the run stuck, or None."""
        return next((d for d in self.diagnoses if d.severity == "error"), None)

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dict."""
        return {**asdict(self), "stuck": self.stuck, "outcome": self.outcome}

    def __repr__(self) -> str:
        """Say it in at most twelve lines."""
        counts = f"{len(self.passed)} looked and found nothing, {len(self.not_recorded)} could not look"
        lines = [f"{self.outcome.capitalize()}: {len(self.diagnoses)} found, {counts}."]
        for d in self.diagnoses[:SHOWN]:
            kind, when = "stuck" if d.severity == "error" else "note", f", epoch {d.epoch}" if d.epoch else ""
            lines.append(f"  {kind}{when}: {d.code} {d.name}: {d.message}")
        more = len(self.diagnoses) - SHOWN
        lines += [f"  and {more} more, in .diagnoses"] if more > 0 else []
        lines += [f"  {self.unjudged}"] if self.unjudged is not None else []
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from remedy import html

        return html.examination(self)


class Looks(Protocol):
    """What `diagnose` needs of a detector; `remedy.Detector` is the class to inherit from."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    symptom: ClassVar[bool]
    remedies: ClassVar[tuple[str, ...]]
    tasks: ClassVar[tuple[str, ...] | None]
    detect: Any


@functools.cache
def _parameters(kind: type[Looks]) -> tuple[inspect.Parameter, ...]:
    """Return what the ``detect`` of a detector asks for; reading that anew takes as long as detecting."""
    return tuple(inspect.signature(kind.detect).parameters.values())[1:]


def diagnose(evidence: Evidence, detectors: Iterable[Looks], earlier: Iterable[Diagnosis] = ()) -> Examination:
    """Run every detector over the evidence.

    A detector that raises is put under ``failed`` and never disturbs the others.

    Args:
        evidence: What was measured so far.
        detectors: The detectors to run.
        earlier: Diagnoses made before this epoch. One that is found again keeps its first epoch;
            one that became certain stays, also when its sign has gone since.
    """
    known = evidence.known()
    found: list[Diagnosis] = []
    passed: list[str] = []
    not_applicable: dict[str, str] = {}
    not_recorded: dict[str, str] = {}
    failed: dict[str, str] = {}
    for detector in detectors:
        if detector.tasks is not None and evidence.task is not None and evidence.task not in detector.tasks:
            not_applicable[detector.name] = f"only for {', '.join(detector.tasks)}; this task is {evidence.task}"
            continue
        wanted = _parameters(type(detector))
        missing = [p.name for p in wanted if p.name not in known and p.default is p.empty]
        if missing:
            not_recorded[detector.name] = ", ".join(missing)
            continue
        try:
            finding = detector.detect(**{p.name: known[p.name] for p in wanted if p.name in known})
        except Exception as error:
            failed[detector.name] = f"{type(error).__name__}: {error}"
            continue
        if finding is None:
            passed.append(detector.name)
        else:
            found.append(_named(detector, finding, evidence.epochs_seen))
    before = {d.code: d for d in earlier}
    kept = [replace(d, epoch=before[d.code].epoch) if d.code in before else d for d in found]
    seen = {d.code for d in kept}
    kept += [d for d in before.values() if d.code not in seen]
    still = {d.name for d in kept}
    fine = tuple(name for name in passed if name not in still)
    return Examination(_ordered(kept), fine, not_applicable, not_recorded, failed, _unjudged(evidence))


RESTS, LEAST_RESTING = 0.05, 5
"""A loss that falls by less than this share over so many epochs says nothing where it is not known what a constant
answer costs: it may be at its best from the start, or learn nothing."""


def _unjudged(evidence: Evidence) -> str | None:
    """Return why nothing can be said of how a run learns; None where there is something to go by."""
    if not evidence.epochs_seen or evidence.nonfinite_epoch is not None:
        return None
    if evidence.probe_score:
        return _too_early(evidence)
    if evidence.unscored is not None:
        return (
            f"{evidence.unscored}, so its answers cannot be scored against y. Its loss was watched. Give "
            "Search(objective=...) to have it judged by a score of yours"
        )
    losses = [value for value in evidence.val_loss or evidence.loss or () if math.isfinite(value)]
    if not losses:
        return "no loss was logged under a name that is known (loss, train_loss, train/loss)"
    rests = losses[0] - min(losses[-3:]) < RESTS * abs(losses[0])
    if evidence.prior_loss is None and len(losses) >= LEAST_RESTING and rests:
        return (
            f"only its loss was seen, which hardly moved ({losses[0]:.4g} to {losses[-1]:.4g}), and nothing says what "
            "a constant answer costs. Give X and y to remedy.fit as arrays or batches to have its answers looked at"
        )
    return None


AT_CHANCE = 0.05
"""A score within this share of the way from a constant answer to a perfect one is that of a constant answer."""


def _too_early(evidence: Evidence) -> str | None:
    """Return why a run that answers as a constant does, with no symptom, is not called healthy; None for others."""
    last = [scores[-1] for scores in (evidence.probe_score, evidence.val_score) if scores]
    floor, epochs = evidence.constant_score, evidence.epochs_seen
    if floor is None or max(last) - floor > AT_CHANCE * (1.0 - floor):
        return None
    planned = evidence.epochs_planned or epochs
    seen = f"{epochs} of {planned} epochs" if planned > epochs else "1 epoch" if epochs == 1 else f"{epochs} epochs"
    return (
        f"after {seen} its score ({max(last):.2f}) is no better than a constant answer's, and so early a slow start "
        "looks like a net that learns nothing. Train it for more epochs"
    )


def replay(evidence: Evidence, detectors: Iterable[Looks]) -> Examination:
    """Examine a finished run epoch by epoch, so that every diagnosis has the epoch at which it became certain.

    Behind `EVERY_EPOCH` epochs the looks become rarer.
    """
    chosen, epochs, epoch = tuple(detectors), evidence.epochs_seen, 1
    found = diagnose(evidence.until(0), chosen)
    while epoch < epochs:
        found = diagnose(evidence.until(epoch), chosen, found.diagnoses)
        epoch = epoch + 1 if epoch < EVERY_EPOCH else math.ceil(LONGER * epoch)
    return diagnose(evidence, chosen, found.diagnoses)


def _ordered(found: Iterable[Diagnosis]) -> tuple[Diagnosis, ...]:
    """Put what explains before what is explained: one symptom stands among the first, the others last."""
    by_weight = sorted(found, key=lambda d: (d.severity != "error", -d.confidence, d.epoch, d.code))
    causes = [d for d in by_weight if not d.symptom]
    symptoms = [d for d in by_weight if d.symptom]
    errors = [d for d in causes if d.severity == "error"]
    surest = [d for d in symptoms[:1] if d.severity == "error"]
    others = [d for d in symptoms if d not in surest]
    return (*errors, *surest, *(d for d in causes if d.severity != "error"), *others)


def _named(detector: Looks, finding: Finding, epoch: int) -> Diagnosis:
    return Diagnosis(
        code=detector.code,
        name=detector.name,
        severity=detector.severity,
        message=finding.message,
        measured=dict(finding.measured),
        threshold=finding.threshold,
        confidence=finding.confidence,
        epoch=epoch,
        remedies=tuple(detector.remedies if finding.remedies is None else finding.remedies),
        symptom=detector.symptom,
    )
