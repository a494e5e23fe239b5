"""How a search ended, in sentences: the fix and how it was proven, or that none was found and what to do next."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from remedy.data.dataset import Dataset
from remedy.evidence.records import Shallow
from remedy.prescription import Prescription
from remedy.results import Fix
from remedy.search.attempts import Attempt
from remedy.search.budget import FRESH_SEEDS
from remedy.search.proof import Proof


@dataclass(frozen=True)
class Tried:
    """What a search came to that found no fix.

    Attributes:
        attempts: Everything tried; the first is the untouched recipe.
        score: Name of the score.
        seconds: That it took.
        ended: What ended it.
        shallow: What a shallow model reaches on the same rows; None where unknown.
        no_signal: Whether nothing in X was found to tell about y.
    """

    attempts: tuple[Attempt, ...]
    score: str
    seconds: float
    ended: str
    shallow: Shallow | None = None
    no_signal: bool = False


LEARNABLE = 0.3
"""Share of the way from a constant answer to a perfect one: a shallow model that covers it shows what can be learnt."""


def no_fix(search: Tried, proofs: Mapping[str, Proof] | None = None) -> str:
    """Say that no fix was found: what was tried, what ended it, the best seen, and the step that follows from these.

    Args:
        search: What was tried.
        proofs: What was put to the proof, by the prescription as it was tried, before it was made smaller.
    """
    tried = [a for a in search.attempts if len(a.prescription)]
    trained = [a for a in tried if a.outcome.score is not None]
    ended = f"ended by {search.ended} after {search.seconds:.0f} s"
    baseline = search.attempts[0].outcome if search.attempts else None
    if baseline is not None and baseline.error is not None and not trained:
        return f"No fix was searched: the copy of your model that trials train fails: {baseline.error}"
    if not tried:
        early = "" if search.ended == "nothing left to try" else f" ({ended})"
        return f"No fix was found: no remedy was tried{early}. {_next_step(search, None)}"
    many = "1 prescription was" if len(tried) == 1 else f"{len(tried)} prescriptions were"
    start = f"No fix was found. {many} tried, {ended}"
    if not trained:
        error = next((a.outcome.error for a in tried if a.outcome.error), None)
        if error is None:
            return f"{start}; none came to the end of an epoch. Give more time: Search(timeout=...)."
        return f"{start}; none could be trained. The first error: {error}"
    best = max(trained, key=lambda a: a.score)
    if search.ended != "Ctrl-C" and _learns_untouched(search, best):
        return (
            f"{start}; none did better than your program untouched, from the start, on the rows as they first came: "
            f"its {search.score} was {search.attempts[0].score:.3f} on the validation rows. Next: look at what changes "
            "while you train, such as the stream, its labels or a callback, and at the weights your run began with."
        )
    text = f"{start}; the best, {best.prescription}, had a {search.score} of {best.score:.3f} on the validation rows"
    if search.ended == "Ctrl-C":
        return f"{text}, not confirmed."
    text += _of_proofs(str(best.prescription), proofs or {})
    if search.shallow is not None:
        text += f"; {search.shallow.model} reaches {search.shallow.score:.3f}"
    return f"{text}. {_next_step(search, best)}"


def _of_proofs(best: str, proofs: Mapping[str, Proof]) -> str:
    """Say what became of the best in its proof; where it had none, what became of the last that had one."""
    name = best if best in proofs else next(reversed(list(proofs)), None)
    if name is None:
        return ""
    proof, told = proofs[name], "" if name == best else f"; {name} was put to the proof"
    if proof.holds:
        seen = f"{told}; from fresh seeds it had {proof.score:.3f}"
        return f"{seen}, but trained in full it twice fell short of half of that"
    if not proof.treated or not proof.baseline:
        return ""
    untouched = _untouched(proof)
    needs = f"a fix needs {proof.margin:.3f} more"
    if untouched + proof.margin > 1:
        needs += ", which no answers can reach on so few rows: only more rows can show a fix"
    so = f"{told} and had" if told else ", but"
    return f"{so} {proof.score:.3f} against {untouched:.3f} untouched on rows never used for choosing ({needs})"


def _learns_untouched(search: Tried, best: Attempt) -> bool:
    """Say whether the search's copy of the untouched program learns: what broke the user's run is not in the recipe."""
    known, baseline = search.shallow, search.attempts[0]
    if known is None or baseline.outcome.stuck or baseline.score < best.score:
        return False
    return baseline.score > known.constant + LEARNABLE * (1 - known.constant)


def _untouched(proof: Proof) -> float:
    """Return the better score of the untouched program, with the epochs of its plan or as many as the treated one."""
    return max(statistics.median(side) for side in (proof.baseline, proof.longer) if side)


def _next_step(search: Tried, best: Attempt | None) -> str:
    """Say what to do next, from what was seen."""
    known = search.shallow
    learnable = known is not None and known.score > known.constant + LEARNABLE * (1 - known.constant)
    if search.ended.startswith(("the budget", "the limit")) and (best is None or learnable):
        return "Next: search longer, Search(timeout=...) or Search(trials=...)."
    if known is not None and learnable and (best is None or best.score < known.score):
        return f"Next: {known.model} on these rows, or a network built for them: the rows can be learnt."
    if search.no_signal or (known is not None and not learnable):
        return "Next: look at the labels (do they follow from these inputs?) and at more rows."
    return "Next: look at some rows and their answers by hand."


def untrained(prescription: str, proof: Proof, scorer_name: str) -> str:
    """Say what was put to the proof, where Ctrl-C left no model that was trained by it."""
    what = "What was proven is" if proof.holds else "Not confirmed:"
    before = "" if proof.baseline_score is None else f"{proof.baseline_score:.3f} -> "
    seeds = "1 fresh seed" if len(proof.treated) == 1 else f"median of {len(proof.treated)} fresh seeds"
    return (
        f"Interrupted before the fix was trained in full. {what} {prescription}: {scorer_name} "
        f"{before}{proof.score or 0.0:.3f} ({seeds})."
    )


def interrupted(prescription: Prescription) -> str:
    """Say what the best was when Ctrl-C was pressed."""
    return f"Interrupted: the best so far is {prescription}; it has not been confirmed on fresh seeds."


FAR = 0.1
"""By so much more of the score a shallow model is far better."""


def fixed(fix: Fix, scorer_name: str, data: Dataset, shallow: Shallow | None = None) -> str:
    """Say what the fix is, what its model reaches, how that was proven, and what got worse, which comes first."""
    proof, score = fix.proof, fix.score if fix.score is not None else fix.proof.score or 0.0
    seeds = f"{len(proof.treated)} fresh seed{'s' if len(proof.treated) > 1 else ''}"
    rows = len(data.holdout) if data.holdout is not None else 0
    where = f"on {rows} rows never trained on or chosen by"
    if data.nothing_aside:
        where = f"on the {rows} rows trained on or chosen by: too few to set any aside"
    elif not data.apart:
        where = f"on {rows} rows set aside that could not be kept apart: {data.kin}"
    said = f"Fixed by {fix.prescription}" if fix.confirmed else f"Not confirmed: {fix.prescription}"
    text = f"Mind first: {'; '.join(fix.setbacks)}. " if fix.setbacks else ""
    before = "" if fix.baseline_score is None else f"{fix.baseline_score:.3f} -> "
    text += f"{said}: {scorer_name} {before}{score:.3f} (the model handed over, {where}; "
    text += f"median of {seeds} {proof.score:.3f})."
    if fix.baseline_score is None:
        text += (
            " Time did not pay for the untouched program to its end, so that nothing was compared: your run had "
            "not learnt when the search began. Search(timeout=...) gives a proof more time."
        )
    elif len(proof.treated) < FRESH_SEEDS:
        text += f" A proof takes {FRESH_SEEDS} seeds of both sides in full; time paid for {len(proof.treated)}."
    if not proof.weighed:
        text += " Time did not pay for the untouched program with as many epochs."
    if data.sampled:
        text += (
            f" It was proven by training on {len(data.train):,} rows; the fix is trained on all but those set aside."
        )
    if proof.rivals > 1:
        text += f" It did best of {proof.rivals} that held on these rows, which flatters it a little."
    if proof.longer:
        text += f" Untouched with as many epochs: {statistics.median(proof.longer):.3f}."
    if proof.steadier:
        trained = len(proof.baseline) + (proof.seen is not None)
        text += f" Untouched, {len(proof.failures)} of {trained} trainings failed; treated, none did."
    if shallow is not None and shallow.score > score + FAR:
        text += f" Mind that {shallow.model} reaches {shallow.score:.3f} on the same rows."
    return text
