"""Treats one stuck recipe: search, smallest set, proof, final training, linked runs.

`remedy.fit` and `remedy tune` both come here; what differs is only where recipe and data are from.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

from remedy.data.dataset import Dataset
from remedy.data.persistence import constant_answer
from remedy.data.scores import Scorer, standard_error
from remedy.diagnosis import Diagnosis, diagnose
from remedy.evidence.baseline import shallow_baseline
from remedy.evidence.data_facts import facts_of
from remedy.evidence.evidence import Evidence
from remedy.prescription import Prescription
from remedy.recipe.seeds import keep_random_state
from remedy.registry import remedies_for
from remedy.repair.handover import complete, keep_best
from remedy.reporting import conclusions, pictures
from remedy.reporting import text as report
from remedy.reporting.search_log import SearchLog, write_options
from remedy.reporting.terminal import Terminal
from remedy.results import RepairResult, ReportCase, StuckRun
from remedy.search import confirmation
from remedy.search.ablation import Reduction, reduce
from remedy.search.attempts import Course
from remedy.search.budget import Budget
from remedy.search.context import SearchContext
from remedy.search.options import Search
from remedy.search.proof import FAR_AHEAD, Proof
from remedy.search.schedule import Schedule
from remedy.search.stopping import StoppingRule
from remedy.tracking import lease
from remedy.tracking.run import Run
from remedy.training.answers import loss_scorer, require_objective
from remedy.training.engines.choice import engine_for
from remedy.training.engines.resumed import RememberedEngine
from remedy.training.runtime import rare_collections


def repair(stuck_run: StuckRun, options: Search, terminal: Terminal) -> RepairResult:
    """Search a fix for a stuck run, prove it, train it in full, and link both runs.

    Args:
        stuck_run: The stuck run.
        options: How to search.
        terminal: Hears how it goes on.
    """
    with keep_random_state(), rare_collections(), lease.held(stuck_run.run, options.timeout):
        asked = [r for d in stuck_run.examination.diagnoses for r in remedies_for(d, stuck_run.remedies)]
        own, distrusted = stuck_run.dataset, _distrusted(stuck_run)
        if distrusted:
            own = replace(own, validation=None)  # Labels that mean the opposite, say.
        share = max(LEAST_SHARE, min(SHARE, ENOUGH_ROWS / max(1, len(own.train))))
        data = own.for_search(options.seed, share, resplit=any(r.resplits for r in asked))
        held = data.holdout
        assert held is not None
        by_loss = stuck_run.evidence.unscored is not None and options.objective is None
        scorer = loss_scorer(stuck_run.recipe) if by_loss else data.scorer(held, options.objective)
        if callable(options.objective):
            require_objective(scorer, stuck_run.recipe, data)
        if by_loss:
            stuck_run = replace(stuck_run, remedies=[r for r in stuck_run.remedies if not r.recodes])
        if held.order is not None and scorer.constant is not None:
            scorer = replace(scorer, constant=constant_answer(held, data.task))
        trains = engine_for(data, scorer, stuck_run.detectors, options.workers, _expected_seconds(stuck_run, options))
        search_run = stuck_run.unfinished or stuck_run.run.child(
            f"search {stuck_run.name or ''}".strip(), "search", {"remedy.verdict": "searching"}
        )
        if stuck_run.unfinished is None:
            write_options(search_run, options)
        terminal.begin(options.trials, options.timeout)
        listener = SearchLog(terminal, search_run, scorer)
        try:
            known = {} if stuck_run.unfinished is None else listener.earlier(stuck_run.detectors)
            engine = RememberedEngine(trains, known, listener.training)
            budget, rule = Budget(options.timeout, engine), _stopping_rule(stuck_run, data, scorer)
            search = SearchContext(data, stuck_run.recipe, stuck_run.remedies, engine, options, listener, budget, rule)
            repaired, proof = _search_and_prove(stuck_run, search, scorer, terminal, search_run)
        except BaseException:
            listener.close()
            search_run.end("FAILED")
            raise
        finally:
            trains.close()
            terminal.close()
        course = Course(
            tuple(search.ledger),
            scorer.name,
            scorer.constant,
            search.rule.shallow,
            search.budget.spent,
        )
        repaired = replace(repaired, diagnoses=(*distrusted, *_seen_by_seeds(stuck_run, proof)), course=course)
        told = "no fix" if repaired.fix is None else "fixed" if repaired.fix.confirmed else "not confirmed"
        try:
            listener.close()
            _show(stuck_run, repaired, search_run)
            search_run.tags({"remedy.verdict": told})
            search_run.note(report.note(repaired.conclusion, None, (), repaired.fix.changes if repaired.fix else ()))
        except KeyboardInterrupt:  # What was found is not lost for want of a picture.
            repaired = replace(repaired, interrupted=True)
        search_run.end("KILLED" if repaired.interrupted else "FINISHED")
    return repaired


def _show(stuck_run: StuckRun, repaired: RepairResult, search_run: Run) -> None:
    """Draw what came of it in the stuck run, in the fixed one and in that of the search."""
    stuck, fix = stuck_run.run, repaired.fix
    seen = replace(stuck_run.examination, diagnoses=(*stuck_run.examination.diagnoses, *repaired.diagnoses))
    name = stuck_run.name or "run"
    fixed = None if fix is None or fix.run_id is None else Run(fix.run_id, stuck.experiment_id)
    case = ReportCase(name, seen, stuck_run.evidence, repaired.conclusion, stuck.run_id, fix, repaired.course)
    case = replace(case, url=stuck.url, fix_url=None if fixed is None else fixed.url)
    pictures.show(case, stuck, fixed, search_run)


SHARE, LEAST_SHARE, ENOUGH_ROWS = 0.2, 0.1, 400
"""Share of the training rows that is set aside: a fifth, of many rows less, for what is set aside is not trained on;
400 rows know a balanced accuracy of two classes to 3.5 %."""


def _distrusted(stuck_run: StuckRun) -> tuple[Diagnosis, ...]:
    """Return why nothing can be chosen by the validation rows; a search may begin before that is seen."""
    looks = [d for d in stuck_run.detectors if d.distrusts_validation]
    names, data = {d.name for d in looks}, stuck_run.dataset
    found = tuple(d for d in stuck_run.examination.diagnoses if d.name in names)
    if found or data.validation is None or stuck_run.evidence.constant_score is None or not looks:
        return found
    ids = _holds_ids(stuck_run, data)
    try:
        known = shallow_baseline(data.train, data.task, ids, validation=data.validation)
    except (ValueError, TypeError, MemoryError):
        return ()
    constant, rows = stuck_run.evidence.constant_score, len(data.validation)
    seen = Evidence(task=data.task, shallow=known, constant_score=constant, n_validation=rows)
    return diagnose(seen, looks).diagnoses


def _holds_ids(stuck_run: StuckRun, data: Dataset) -> bool:
    """Say whether inputs hold ids: for an Embedding, or by the look of them."""
    return any(stuck_run.recipe.architecture.layers("Embedding")) or any(f.words for f in facts_of(data.train))


def _seen_by_seeds(stuck_run: StuckRun, proof: Proof | None) -> tuple[Diagnosis, ...]:
    """Return what the untouched program's scores from several fresh seeds say about it."""
    if proof is None or proof.constant is None:
        return ()
    known = Evidence(task=stuck_run.dataset.task, seed_scores=proof.baseline, constant_score=proof.constant)
    return diagnose(known, stuck_run.detectors).diagnoses


def _search_and_prove(
    stuck_run: StuckRun, search: SearchContext, scorer: Scorer, terminal: Terminal, search_run: Run
) -> tuple[RepairResult, Proof | None]:
    """Search, and confirm the best; where that fails or leaves much to gain, and time is left, the next best."""
    schedule = Schedule(search)
    seconds = _seconds_per_epoch(stuck_run, search.dataset)
    shorter = 1.0 if stuck_run.recipe.steps_per_epoch else len(stuck_run.dataset.train) / len(search.dataset.train)
    interrupted = not schedule.run(stuck_run.examination.diagnoses, seconds, _broke_in(stuck_run.evidence, shorter))
    certain = _certain(stuck_run)
    examined: list[Prescription] = []
    proven: list[tuple[Proof, Reduction]] = []
    hopeful: list[tuple[Proof, Reduction]] = []
    unmatched: list[tuple[Proof, Reduction]] = []
    proof, promised = None, -math.inf
    proofs: dict[str, Proof] = {}
    while (best := search.ledger.best()) is not None and best.score > max(_floor(search), promised):
        reduction = Reduction(best.prescription)
        if not interrupted:
            try:
                reduction = reduce(search, best, examined, certain)
                proof = confirmation.prove(search, reduction.prescription, scorer, len(examined) + 1)
            except KeyboardInterrupt:
                interrupted, proof = True, None
        good = not interrupted and search.rule.good(best)
        terminal.ended("a result like a shallow model's" if good else _ended(search, interrupted))
        search_run.metrics({"trials": len(search.ledger), "seconds": search.budget.spent})
        if interrupted:
            if proven or hopeful or unmatched:
                break
            return keep_best(stuck_run, search, best), None
        if proof is not None and proof.holds and not search.rule.far_behind(proof.score):
            repaired = complete(stuck_run, search, reduction, proof, scorer, terminal)
            if repaired is not None:
                return repaired, proof
        elif proof is not None and proof.holds:
            proven.append((proof, reduction))
            # What promises less than a proven one did is not worth a proof of its own.
            promised = max(promised, best.score - search.rule.error)
        elif proof is not None and proof.promising:
            hopeful.append((proof, reduction))
        elif proof is not None and proof.unmatched and _never_learnt(stuck_run, search, proof):
            unmatched.append((proof, reduction))
        if proof is not None:
            proofs[str(best.prescription)] = proof
        search.ledger.set_aside.append(best.prescription)
        examined.append(reduction.prescription)
        if search.budget.left(confirmation.ANOTHER_PROOF) <= 0:
            break
        interrupted = not schedule.again()
    for held, reduction in _best_first(proven or hopeful or unmatched, search.rule.same):
        shown = replace(held, rivals=len(proven))
        repaired = complete(stuck_run, search, reduction, shown, scorer, terminal)
        if repaired is not None:
            return repaired, shown
    conclusion = conclusions.no_fix(_tried(stuck_run, search, scorer, interrupted), proofs)
    stuck_run.run.tags({"remedy.search_result": "no fix"})
    return RepairResult(None, conclusion, interrupted), proof


def _certain(stuck_run: StuckRun) -> set[str]:
    """Return the remedies of what was plainly wrong before training: causes, and no symptoms."""
    symptoms = {detector.code for detector in stuck_run.detectors if detector.symptom}
    seen = stuck_run.examination.diagnoses
    errors = [d for d in seen if d.severity == "error" and not d.epoch and d.code not in symptoms]
    return {remedy.name for error in errors for remedy in remedies_for(error, stuck_run.remedies)}


def _never_learnt(stuck_run: StuckRun, search: SearchContext, proof: Proof) -> bool:
    """Say whether neither the user's own run nor the search's copy of it came near to what was treated."""
    seen, treated = stuck_run.evidence, min(proof.treated)
    own = [*(seen.probe_score or ()), *(seen.val_score or ()), search.ledger.baseline.score]
    return max((s for s in own if math.isfinite(s)), default=math.inf) + FAR_AHEAD < treated


FELL = 0.2
"""A run whose score has fallen by so much from its best had begun well."""


def _broke_in(evidence: Evidence, shorter: float = 1.0) -> int:
    """Return the epoch after which a run that had begun well had lost most of it; 0 for other runs.

    Args:
        evidence: Of the run.
        shorter: How many epochs of the search have the steps of one of the run: what breaks a run may count steps, as
            schedules do.
    """
    scores = [-1.0 if math.isnan(score) else score for score in evidence.probe_score or ()]
    if not scores or max(scores) - scores[-1] < FELL:
        return 0
    best = scores.index(max(scores))
    fell = (best + 1 + i for i, score in enumerate(scores[best + 1 :], 1) if scores[best] - score >= FELL)
    return math.ceil(next(fell, 0) * shorter)


def _tried(stuck_run: StuckRun, search: SearchContext, scorer: Scorer, interrupted: bool) -> conclusions.Tried:
    """Return what a search came to, for the sentence that says so."""
    hopeless = {d.name for d in stuck_run.detectors if d.no_hope} & {d.name for d in stuck_run.examination.diagnoses}
    ended, seconds = _ended(search, interrupted), search.budget.spent
    return conclusions.Tried(tuple(search.ledger), scorer.name, seconds, ended, search.rule.shallow, bool(hopeless))


def _ended(search: SearchContext, interrupted: bool) -> str:
    """Say what ended a search."""
    options = search.options
    if interrupted:
        return "Ctrl-C"
    spent = search.pace.ran_out or search.budget.left(confirmation.ANOTHER_PROOF) <= 0
    if options.timeout is not None and spent:
        return f"the budget of {options.timeout:g} seconds"
    if len(search.ledger) >= options.trials:
        return f"the limit of {options.trials} trials"
    return "nothing left to try"


def _best_first(proven: Sequence[tuple[Proof, Reduction]], same: float) -> list[tuple[Proof, Reduction]]:
    """Return what was proven, the best first; of those that lie so near to it that with the fewest remedies."""
    order = sorted(proven, key=lambda found: -(found[0].score or 0.0))
    near = [found for found in order if (found[0].score or 0.0) >= (order[0][0].score or 0.0) - same]
    return sorted(near, key=lambda found: len(found[1].prescription)) + order[len(near) :]


def _stopping_rule(stuck_run: StuckRun, data: Dataset, scorer: Scorer) -> StoppingRule:
    """Return what a shallow model reaches on the rows of the search; unknown for a user's own objective."""
    if scorer.own:
        return StoppingRule(bounded=False)
    rows = data.train if data.extra is None else data.train.with_rows(data.extra)
    error = standard_error(data.task, data.validation.target) if data.validation is not None else 0.0
    ids = _holds_ids(stuck_run, data)
    try:
        return StoppingRule(shallow_baseline(rows, data.task, ids, heads=data.heads), error, scorer.constant)
    except (ValueError, TypeError, MemoryError):  # scikit-learn is given whatever the user has.
        return StoppingRule(error=error, constant=scorer.constant)


def _floor(search: SearchContext) -> float:
    """Return the score that an attempt has to pass to be worth confirming."""
    return search.ledger.baseline.score if math.isfinite(search.ledger.baseline.score) else -math.inf


def _expected_seconds(stuck_run: StuckRun, options: Search) -> float:
    """Return how long a search will train, as far as can be told before: ten whole trainings, or its budget."""
    seconds = _seconds_per_epoch(stuck_run, stuck_run.dataset) or 0.0
    return min(options.timeout or math.inf, 10 * seconds * stuck_run.recipe.epochs)


def _seconds_per_epoch(stuck_run: StuckRun, data: Dataset) -> float | None:
    """Return what an epoch costs on the rows of the search; None where only the first, which traces, was seen."""
    seconds = [s for s in stuck_run.evidence.seconds or () if math.isfinite(s)][1:]
    if not seconds:
        return None
    return statistics.median(seconds[-5:]) * len(data.train) / max(1, len(stuck_run.dataset.train))
