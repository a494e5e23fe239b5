"""Time to the same validation score: remedy's search against a plain Optuna TPE loop, on the ECG net of the example.

    python benchmarks/time_to_score.py --json
    python benchmarks/time_to_score.py --seeds 0 1 2 --timeout 240 --json

The program is the reported net of ``examples/ecg.py`` on its simulated beats at 90 Hz. It is trained as reported until
the detectors find it stuck; what they found says which remedies are indicated. Then, each in a process of its own,
one after the other:

- remedy: the search as `remedy.repair.repair` sets it up, before the proof: rungs (few epochs first, the best go on),
  with detectors that end what is itself stuck, trained by `InlineEngine`. As always, it leaves the last part of
  the time to the proof.
- plain: a study draws the same remedies at the same doses from the same spaces by the same TPE sampler. Every trial
  builds, compiles and fits a new model for all epochs, and scores it once. There is no pruner and no first guess.

Both train on the same rows, are scored by the same scorer on the same validation rows, have the same epochs at most
(``train-longer`` is left out on both sides) and the same timeout. The score of a model is that after the last epoch it
was trained for; one that a detector ended does not count. The target is the lower of the two best scores at the end.
``to_the_higher`` says when the higher one was reached, and null of the side that never got there.

What this is not: a comparison with a search that knows nothing. The plain loop draws from the remedies that the
diagnosis chose; remedy's own search goes beyond them where a trial shows further trouble. The target is a validation
score that each search chose by, so it flatters both; neither proof nor final training is part of the time (see
``time_to_fix.py`` for these). Where one side has learnt nothing by the end, nothing can be compared, and
``times_faster`` is null.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

LEARNT = 0.05
"""A target has to be so much above the score of a constant answer; below, both sides have learnt nothing."""

Curve = list[tuple[float, float]]
"""(seconds, best validation score so far), a point for every gain."""


@dataclass(frozen=True)
class Problem:
    """A stuck training, and what a search is given.

    Attributes:
        recipe: The untouched recipe.
        data: Rows of the search.
        scorer: Scores validation rows.
        detectors, remedies: All that may be used.
        diagnoses: What was found in the stuck training.
        seconds_per_epoch: Of the untouched recipe on the rows of the search.
    """

    recipe: Any
    data: Any
    scorer: Any
    detectors: Any
    remedies: Any
    diagnoses: Any
    seconds_per_epoch: float | None


class Watch:
    """Keeps the best score and when it came; also the listener of remedy's search."""

    def __init__(self) -> None:
        """Start the clock."""
        self._began = time.perf_counter()
        self.curve: Curve = []
        self.trials: dict[int, dict[str, Any]] = {}

    def seconds(self) -> float:
        """Return the seconds so far."""
        return time.perf_counter() - self._began

    def see(self, number: int, prescription: Any, score: float | None, epochs: int, stuck: str | None = None) -> None:
        """Hear of a trial that ended, or went on and ended again."""
        at, score = round(self.seconds(), 2), None if score is None else round(score, 4)
        # The search hands nothing on that was found stuck, however well it did until then.
        if score is not None and stuck is None and (not self.curve or score > self.curve[-1][1]):
            self.curve.append((at, score))
        told = {"prescription": str(prescription), "score": score, "epochs": epochs, "stuck": stuck, "at": at}
        self.trials[number] = told

    def attempt(self, attempt: Any) -> None:
        """Hear of an attempt of remedy's search."""
        found = attempt.outcome
        self.see(attempt.number, attempt.prescription, found.score, len(found.scores), found.stuck)

    def stage(self, name: str, total: int) -> None:
        """Hear nothing: attempts tell it all."""

    def step(self, name: str, score: float | None) -> None:
        """Hear nothing: attempts tell it all."""


def problem(seed: int, quick: bool) -> Problem:
    """Train the reported net until it is found stuck."""
    import keras
    import numpy as np
    from beats import simulate
    from ecg import build, split

    from remedy import registry
    from remedy.data.fit_call import read_fit_call
    from remedy.data.scores import scorer_for
    from remedy.evidence.closer_look import CloserLook
    from remedy.evidence.static import probe, static_evidence
    from remedy.recipe.recipe import Recipe
    from remedy.recording import VALIDATION_ROWS
    from remedy.training.recorder import EvidenceRecorder

    X, y, subject = simulate(windows=900, seconds=5.0) if quick else simulate()
    rows, _ = split(y, subject, False, seed)
    keras.utils.set_random_seed(seed)
    epochs = 20 if quick else 24
    model = build(X.shape[1], (8, 16) if quick else (32, 64), epochs * math.ceil(0.8 * len(rows) / 64))
    fit = {"epochs": epochs, "batch_size": 64, "validation_split": 0.2, "verbose": 0}
    call = read_fit_call(model, X[rows][..., None], np.eye(3, dtype="float32")[y[rows]], fit)
    dataset, recipe = call.dataset, Recipe.from_model(model, fit)
    assert dataset is not None
    detectors = registry.detectors()
    looked_at = probe(dataset.train)
    recorder = EvidenceRecorder(
        static_evidence(recipe, dataset),
        detectors,
        probe=looked_at,
        scorer=scorer_for(dataset.task, looked_at.target),
        recipe=recipe,
        validation=probe(dataset.validation, VALIDATION_ROWS) if dataset.validation else None,
        closer=CloserLook(dataset.train, dataset.task),
        on_stuck=lambda _: True,
    )
    model.fit(call.X, call.y, callbacks=[recorder], **call.kwargs)
    if not recorder.examination.stuck:
        raise SystemExit("The reported net was not found stuck; there is nothing to search.")
    diagnoses = recorder.examination.diagnoses
    wanted = {r.name for d in diagnoses for r in registry.remedies_for(d, registry.remedies())}
    data = dataset.for_search(seed, resplit="shuffle-split" in wanted)
    assert data.validation is not None
    seconds = (recorder.evidence.seconds or ())[1:]
    return Problem(
        recipe,
        data,
        scorer_for(data.task, data.validation.target),
        detectors,
        tuple(r for r in registry.remedies() if r.name != "train-longer"),
        diagnoses,
        statistics.median(seconds) * len(data.train) / len(dataset.train) if seconds else None,
    )


def by_remedy(given: Problem, seed: int, timeout: float) -> Watch:
    """Search as remedy does."""
    from remedy.data.scores import standard_error
    from remedy.evidence.baseline import shallow_baseline
    from remedy.search.budget import Budget
    from remedy.search.context import SearchContext
    from remedy.search.options import Search
    from remedy.search.schedule import Schedule
    from remedy.search.stopping import StoppingRule
    from remedy.training.engines.inline import InlineEngine
    from remedy.training.runtime import rare_collections

    data, options, watch = given.data, Search(timeout=timeout, seed=seed), Watch()
    with rare_collections():
        engine = InlineEngine(data, given.scorer, given.detectors)
        budget = Budget(timeout, engine)
        rows = data.train if data.extra is None else data.train.with_rows(data.extra)
        error = standard_error(data.task, data.validation.target)
        rule = StoppingRule(shallow_baseline(rows, data.task), error, given.scorer.constant)
        search = SearchContext(data, given.recipe, given.remedies, engine, options, watch, budget, rule)
        Schedule(search).run(given.diagnoses, given.seconds_per_epoch)
    return watch


def by_plain_loop(given: Problem, seed: int, timeout: float) -> Watch:
    """Ask, build, compile, fit, score, tell; until the time is over."""
    import keras

    from remedy.errors import RemedyError
    from remedy.search.candidates import indicated
    from remedy.search.study import Study
    from remedy.training.engines._base import Outcome
    from remedy.training.fit_recipe import Deadline, fit_recipe

    watch = Watch()
    over = time.perf_counter() + timeout
    wanted = indicated(given.diagnoses, given.remedies, given.recipe, given.data)
    study = Study(given.recipe, given.data, wanted, seed, None)
    while time.perf_counter() < over:
        trial, drawn = study.ask(wanted=wanted)
        prescription, recipe = usable(drawn, given)
        keras.backend.clear_session()
        try:
            model = recipe.build(given.data, seed)
            fit_recipe(model, recipe, given.data, seed, 0, recipe.epochs, [Deadline(over, time.perf_counter)])
            held = recipe.coded(given.data.validation)
            outputs = model.predict(held.X, batch_size=256, verbose=0)
            score = replace(given.scorer, logits=recipe.from_logits)(held.target, outputs)
        except (RemedyError, ValueError, TypeError, RuntimeError, ArithmeticError) as error:
            study.tell(trial, Outcome(error=str(error)))
            continue
        if time.perf_counter() > over:
            break  # It was broken off.
        study.tell(trial, Outcome((score,)))
        watch.see(trial.number, prescription, score, recipe.epochs)
    return watch


def usable(drawn: Any, given: Problem) -> tuple[Any, Any]:
    """Leave out of a draw what has nothing to act on or is excluded; the loop would learn nothing from a failure."""
    from remedy.errors import NotApplicable
    from remedy.prescription import Prescription

    kept, recipe = Prescription(), given.recipe
    for item in drawn.items:
        more = Prescription((*kept.items, item))
        try:
            recipe = more.apply(given.recipe, given.data, given.remedies)
        except NotApplicable:
            continue
        kept = more
    return kept, recipe


SIDES: dict[str, Callable[[Problem, int, float], Watch]] = {"remedy": by_remedy, "plain": by_plain_loop}


def run(side: str, seed: int, timeout: float, quick: bool) -> dict[str, Any]:
    """Search on one side, in this process."""
    warnings.simplefilter("ignore")
    given = problem(seed, quick)
    watch = SIDES[side](given, seed, timeout)
    trials = list(watch.trials.values())
    return {
        "curve": watch.curve,
        "constant": given.scorer.constant,
        "best": watch.curve[-1][1] if watch.curve else None,
        "trials": len(trials),
        "epochs": sum(trial["epochs"] for trial in trials),
        "seconds": round(watch.seconds(), 1),
        "stuck": [d.name for d in given.diagnoses if d.severity == "error"],
        "all": trials,
    }


def reached(curve: Curve, target: float) -> float | None:
    """Return the first moment at which the best score so far is the target; None for never."""
    return next((at for at, score in curve if score >= target), None)


def compared(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the seconds of both sides to the lower of their best scores, and the ratio; none to a constant answer."""
    bests = {name: side["best"] for name, side in found.items() if side["best"] is not None}
    target = min(bests.values()) if len(bests) == len(found) else None
    if target is None or target < max(side["constant"] for side in found.values()) + LEARNT:
        return {"target": target, "seconds_to_target": {}, "times_faster": None}
    seconds = {name: reached(side["curve"], target) for name, side in found.items()}
    higher = {name: reached(side["curve"], max(bests.values())) for name, side in found.items()}
    return {
        "target": target,
        "seconds_to_target": seconds,
        "times_faster": round(seconds["plain"] / seconds["remedy"], 2),
        "to_the_higher": {"target": max(bests.values()), "seconds": higher},
    }


def main() -> None:
    """Run both sides and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=240.0, help="seconds for each side")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--quick", action="store_true", help="half the windows, half as long, and narrower layers")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    rounds = []
    for seed in args.seeds:
        found = {}
        for side in SIDES:
            # A new process each: what TensorFlow has traced for one side does not help the other.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                found[side] = pool.submit(run, side, seed, args.timeout, args.quick).result()
            for trial in found[side].pop("all"):
                score = "  none" if trial["score"] is None else f"{trial['score']:6.3f}"
                ended = f", {trial['stuck']}" if trial["stuck"] else ""
                told = f"{trial['at']:6.1f} s {score} after {trial['epochs']:2d} epochs{ended}: {trial['prescription']}"
                print(f"seed {seed} {side:<7} {told}", flush=True)
        rounds.append({"seed": seed, **compared(found), **found})
        print(f"seed {seed}: {json.dumps({k: v for k, v in rounds[-1].items() if k not in found})}", flush=True)
    ratios = [r["times_faster"] for r in rounds if r["times_faster"] is not None]
    result = {
        "times_faster": statistics.median(ratios) if ratios else None,
        "rounds": rounds,
        "parameters": {"timeout": args.timeout, "seeds": args.seeds, "quick": args.quick},
        "cores": len(os.sched_getaffinity(0)),
    }
    if args.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
