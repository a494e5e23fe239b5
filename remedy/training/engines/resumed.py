"""An engine that repeats nothing: every outcome is kept, so that a search that was killed can go on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from remedy.detectors._base import Detector
from remedy.diagnosis import replay
from remedy.evidence.evidence import Evidence
from remedy.recipe.recipe import Recipe
from remedy.training.engines._base import Engine, Job, Outcome


class RememberedEngine(Engine):
    """Answer a job that an earlier search finished from what was kept; let another engine train the rest.

    Where a training that is only remembered has to go on, the engine trains it from the start: the same
    seeds give the same weights.
    """

    def __init__(self, engine: Engine, known: Mapping[str, Outcome], keep: Callable[[str, Outcome], None]) -> None:
        """Take what is known.

        Args:
            engine: Trains.
            known: Outcomes by `name`.
            keep: Called with name and outcome of every training that ends.
        """
        self._engine, self._known, self._keep = engine, dict(known), keep
        self.at_once = engine.at_once

    def clock(self) -> float:
        """Return the time of the engine that trains."""
        return self._engine.clock()

    def train(self, job: Job) -> Outcome:
        """Return the known outcome, or train and keep it."""
        if name(job) in self._known:
            return self._known[name(job)]
        return self._learn(job, self._engine.train(job))

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Give back known jobs at once and in order; train the others."""
        source, waiting = iter(jobs), list[Job]()

        def unknown(first: Job) -> Iterator[Job]:
            yield first
            for job in source:
                if name(job) in self._known:
                    waiting.append(job)
                    return
                yield job

        while job := (waiting.pop() if waiting else next(source, None)):
            if name(job) in self._known:
                yield job, self._known[name(job)]
                continue
            for done, outcome in self._engine.run(unknown(job)):
                yield done, self._learn(done, outcome)

    def _learn(self, job: Job, outcome: Outcome) -> Outcome:
        self._known[name(job)] = outcome
        self._keep(name(job), outcome)
        return outcome

    def suggest_rate(self, recipe: Recipe, seed: int) -> float | None:
        """Make a range test."""
        return self._engine.suggest_rate(recipe, seed)

    def model(self, key: str) -> Any:
        """Return the model of a job that was trained here."""
        return self._engine.model(key)

    def forget(self, key: str) -> None:
        """Let go of the weights; the outcome stays."""
        self._engine.forget(key)

    def close(self) -> None:
        """Close the engine that trains."""
        self._engine.close()


def name(job: Job) -> str:
    """Return a file name that is the same for jobs with the same outcome."""
    rows = "" if job.rows >= 1 else f"-{job.rows:.4g}"
    whole = "" if job.stop_when_stuck else "-whole" if job.choose is None else "-chosen"
    return f"{job.recipe.digest}-{job.judge_by}-{job.seed}{rows}-{job.epochs}{whole}"


def to_dict(outcome: Outcome) -> dict[str, Any]:
    """Return a JSON-ready dict; `from_dict` reads it back."""
    evidence = None if outcome.evidence is None else outcome.evidence.to_dict()
    return {
        "scores": list(outcome.scores),
        "stuck": outcome.stuck,
        "seconds": outcome.seconds,
        "error": outcome.error,
        "evidence": evidence,
        "cut": outcome.cut,
    }


def from_dict(data: Mapping[str, Any], detectors: Sequence[Detector]) -> Outcome:
    """Read what `to_dict` wrote; the detectors say again what they found."""
    evidence = None if data["evidence"] is None else Evidence.from_dict(data["evidence"])
    found = () if evidence is None else tuple(replay(evidence, detectors).diagnoses)
    known = (data["stuck"], data["seconds"], data["error"])
    return Outcome(tuple(data["scores"]), evidence, *known, found, bool(data.get("cut")))
