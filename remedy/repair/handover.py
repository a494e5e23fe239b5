"""Hands a fix over: its last training, its patch, its table of changes, its run linked to the stuck one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from remedy.data.dataset import Dataset
from remedy.data.scores import Scorer
from remedy.errors import NotApplicable
from remedy.evidence.confusion import confusions
from remedy.prescription import Change, Prescription, after_fit, patch
from remedy.recipe.delivery import deliver
from remedy.recipe.patch import Names, defaults_of, in_script, script
from remedy.recipe.recipe import Recipe
from remedy.recipe.source_code import from_fresh_weights
from remedy.registry import remedies_for
from remedy.remedies._base import Remedy
from remedy.repair.final_training import Ground, LastTraining, fell_short, train_proven
from remedy.repair.setbacks import setbacks
from remedy.reporting import conclusions
from remedy.reporting.run_log import write_fix
from remedy.reporting.terminal import Terminal
from remedy.results import Fix, RepairResult, StuckRun
from remedy.search import confirmation
from remedy.search.ablation import Reduction, changes
from remedy.search.attempts import Attempt
from remedy.search.context import SearchContext
from remedy.search.proof import Proof


def complete(
    stuck_run: StuckRun,
    search: SearchContext,
    reduction: Reduction,
    proof: Proof,
    scorer: Scorer,
    terminal: Terminal,
) -> RepairResult | None:
    """Train the proven prescription in full and log it as a run linked both ways; None where it fell short twice.

    Ctrl-C keeps the model where an epoch was over, and else what was proven. Doses are those of the user's own rows.

    Args:
        stuck_run: The stuck run.
        search: What was tried, and with what.
        reduction: The smallest set, with what was measured of it.
        proof: Of that set.
        scorer: The objective.
        terminal: Hears how it goes on.
    """
    data = _dosed_by(stuck_run, search, reduction.prescription)
    prescription, rows = _with_unsearched(stuck_run, reduction.prescription, changes(search, reduction, data), data)
    recipe = prescription.apply(stuck_run.recipe, data, stuck_run.remedies)
    run = stuck_run.run.child(
        f"fixed {stuck_run.name or ''}".strip(),
        "fix",
        {"remedy.verdict": "fixed", "remedy.fixes_run_id": str(stuck_run.run.run_id)},
    )
    ground = Ground(search.dataset, scorer, search.rule.same)
    repaired: RepairResult | None = None
    try:
        terminal.stage("training the fix", recipe.epochs)
        last = train_proven(stuck_run, recipe, proof, run, terminal, ground)
        recorder, short = last.recorder, last.whole and fell_short(last, proof)
        if last.interrupted and (short or not recorder.scores):
            run.tags({"remedy.verdict": "interrupted"})
            run.end("KILLED")
            return RepairResult(None, conclusions.untrained(str(prescription), proof, scorer.name), True)
        if short:
            run.tags({"remedy.verdict": "not as proven"})
            run.end("FAILED")
            return None
        lines = _lines(stuck_run, prescription, data)
        fix = _handed_over(search, recipe, proof, last, (run.run_id, prescription, rows, lines))
        conclusion = conclusions.fixed(fix, scorer.name, search.dataset, search.rule.shallow)
        if not fix.confirmed:
            run.tags({"remedy.verdict": "not confirmed"})
        if not last.whole:
            done = len(recorder.scores)
            conclusion += f" Its last training was interrupted in epoch {done + 1} of {recipe.epochs}."
        repaired = RepairResult(fix, conclusion, last.interrupted)
        terminal.conclusion(conclusion, proof, rows)
        write_fix(stuck_run, run, recorder, recipe, fix, conclusion, scorer)
    except KeyboardInterrupt:  # While it was made ready, or written down.
        run.tags({"remedy.verdict": "interrupted"})
        run.end("KILLED")
        if repaired is None:
            repaired = RepairResult(None, conclusions.untrained(str(prescription), proof, scorer.name))
        return replace(repaired, interrupted=True)
    except BaseException:
        run.end("FAILED")
        raise
    return repaired


def _dosed_by(stuck_run: StuckRun, search: SearchContext, prescription: Prescription) -> Dataset:
    """Return the rows that doses are fitted on: the user's own, or those of the search.

    A remedy may apply to the rows of the search alone: their columns need scaling, say, and those of all rows just not.
    """
    try:
        prescription.apply(stuck_run.recipe, stuck_run.dataset, stuck_run.remedies)
    except NotApplicable:
        return search.dataset
    return stuck_run.dataset


def as_lines(
    prescription: Prescription, recipe: Recipe, dataset: Dataset, available: Sequence[Remedy], names: Names | None
) -> tuple[str, str]:
    """Return the patch of a prescription in the user's own names, and as a function that takes model and rows.

    Args:
        prescription: What to apply.
        recipe: The untouched recipe.
        dataset: Rows it trains on.
        available: Remedies by whose names the prescription is read.
        names: Of the user's script; None where there is none.
    """
    program = (prescription, recipe, dataset, available)
    lines = from_fresh_weights(patch(*program), recipe)
    parts = (lines, after_fit(*program), names, defaults_of(recipe))
    return in_script(*parts), script(*parts)


def _lines(stuck_run: StuckRun, prescription: Prescription, data: Dataset) -> tuple[str, str]:
    return as_lines(prescription, stuck_run.recipe, data, stuck_run.remedies, stuck_run.names)


def _handed_over(
    search: SearchContext,
    recipe: Recipe,
    proof: Proof,
    last: LastTraining,
    told: tuple[str | None, Prescription, tuple[Change, ...], tuple[str, str]],
) -> Fix:
    """Return the fix with the model's own score, and with what is worse than untouched."""
    run_id, prescription, rows, lines = told
    model, held = deliver(recipe, last.recorder.model), search.dataset.holdout
    labels = () if recipe.target is None else recipe.target.values
    evidence = last.recorder.evidence
    worse: tuple[str, ...] = ()
    if held is not None and last.whole:
        seen = held if recipe.delivers_raw else recipe.coded(held)
        after = confirmation.own_metrics(model, seen) if proof.metrics else {}
        worse = setbacks(confusions(proof.evidence[0], evidence, labels), proof.metrics, after, len(held))
    # A model that Ctrl-C left far behind the proof is no fix yet.
    confirmed = search.dataset.provable and proof.holds and not fell_short(last, proof)
    numbers = (last.score, proof.baseline_score, confirmed, proof, labels, evidence, worse)
    fix = Fix(model, run_id, prescription, rows, lines[0], *numbers, script=lines[1])
    return replace(fix, stream_rows=last.stream_rows)


def _with_unsearched(
    stuck_run: StuckRun, prescription: Prescription, changes: tuple[Change, ...], data: Dataset
) -> tuple[Prescription, tuple[Change, ...]]:
    """Add what a diagnosis asks for and no search can weigh, such as better metrics."""
    recipe = prescription.apply(stuck_run.recipe, data, stuck_run.remedies)
    asked = [r for d in stuck_run.examination.diagnoses for r in remedies_for(d, stuck_run.remedies)]
    for remedy in dict.fromkeys(asked):
        if remedy.searched:
            continue
        try:
            after = remedy.apply(recipe, data, **remedy.usual)
        except NotApplicable:
            continue
        changes = (*changes, Change(remedy.name, *remedy.describe(recipe, after)))
        prescription = Prescription((*prescription.items, (remedy.name, remedy.usual)))
        recipe = after
    return prescription, changes


def keep_best(stuck_run: StuckRun, search: SearchContext, best: Attempt) -> RepairResult:
    """Return the best so far, as it stands, after Ctrl-C."""
    model = search.engine.model(best.key)
    if model is None or best.recipe is None:
        told = conclusions.Tried(tuple(search.ledger), "score", search.budget.spent, "Ctrl-C")
        return RepairResult(None, conclusions.no_fix(told), True)
    data = _dosed_by(stuck_run, search, best.prescription)
    lines = _lines(stuck_run, best.prescription, data)
    rows = changes(search, Reduction(best.prescription), data)
    fix = Fix(
        deliver(best.recipe, model),
        None,
        best.prescription,
        rows,
        lines[0],
        None,
        None,
        False,
        Proof(),
        script=lines[1],
    )
    return RepairResult(fix, conclusions.interrupted(best.prescription), True)
