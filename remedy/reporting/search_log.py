"""How a search goes on, told to the terminal and written to the store."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from remedy.data.scores import OBJECTIVES, Scorer
from remedy.detectors._base import Detector
from remedy.errors import InvalidInput, RemedyWarning
from remedy.reporting.terminal import Terminal
from remedy.search.attempts import Attempt
from remedy.search.options import Search
from remedy.tracking import artifacts, queries
from remedy.tracking.run import Run
from remedy.training.engines import resumed
from remedy.training.engines._base import Outcome

TRAININGS = "trainings"
"""Folder of a search run's artifacts with one file a finished training."""


def write_options(run: Run, options: Search) -> None:
    """Write how a search was asked for, so that it can go on in the same way."""
    objective = getattr(options.objective, "__name__", options.objective)
    run.params({"trials": options.trials, "timeout": options.timeout, "seed": options.seed, "objective": objective})


def unfinished_search(run_id: str, given: Search | None) -> tuple[Run, Search] | None:
    """Return the newest search of a run that did not come to its end, and how it was asked for; None without one.

    Args:
        run_id: The stuck run.
        given: Its limits replace those of the search that was killed; seed and objective stay.

    Raises:
        InvalidInput: The search used an objective of the user's own, and none is given.
    """
    killed = [run for run in queries.children(run_id, "search") if run.info.status != "FINISHED"]
    if not killed:
        return None
    found, params, tags = killed[-1].info, killed[-1].data.params, killed[-1].data.tags
    usual = given or Search()  # What a kill kept from being written is taken from there.
    params = {"objective": "None", "timeout": str(usual.timeout), "trials": usual.trials, "seed": usual.seed, **params}
    objective = None if params["objective"] == "None" else params["objective"]
    if given is not None and given.objective is not None:
        objective = given.objective
    elif objective is not None and objective not in OBJECTIVES:
        raise InvalidInput(
            f"The search of run {run_id} scored by {objective}(); give it with search=Search(objective=...)."
        )
    timeout = None if params["timeout"] == "None" else float(params["timeout"])
    limits = given or Search(trials=int(params["trials"]), timeout=timeout)
    options = replace(limits, seed=int(params["seed"]), objective=objective)
    return Run(found.run_id, found.experiment_id, family=tags.get("remedy.family")), options


YIELD = 0.05
"""Seconds before an attempt is written: by then the next one trains. Writing and choosing what to train both need
Python's lock, and beside each other each takes twice as long."""


class SearchLog:
    """Tells the terminal and the tracking store how a search goes on.

    A thread of its own writes to the store, in order, so that no training waits for a disk or a server.
    """

    def __init__(self, terminal: Terminal, run: Run, scorer: Scorer) -> None:
        """Take who listens: the terminal, and the run below which every trial gets its own."""
        self._terminal, self._run, self._scorer = terminal, run, scorer
        self._runs: dict[int, tuple[Run, int]] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="remedy-writer")
        self._earlier: dict[str, tuple[Run, int]] = {}

    def stage(self, name: str, total: int) -> None:
        """Begin a stage."""
        self._terminal.stage(name, total)

    def step(self, name: str, score: float | None) -> None:
        """End one training."""
        self._terminal.step(name, score)

    def attempt(self, attempt: Attempt) -> None:
        """Write an attempt as a run; one that went on gets its further epochs."""
        self._later(self._write, attempt)

    def training(self, name: str, outcome: Outcome) -> None:
        """Keep what came of a training, for a search that goes on after it was killed."""
        self._later(self._run.json, f"{TRAININGS}/{name}.json", resumed.to_dict(outcome))

    def earlier(self, detectors: Sequence[Detector]) -> dict[str, Outcome]:
        """Return what came of the trainings that this search finished before it was killed."""
        if self._run.run_id is None:
            return {}
        for trial in queries.children(self._run.run_id, "trial"):
            if (prescription := trial.data.params.get("prescription")) is None:
                continue  # Killed between the run and its parameters.
            written = len(queries.history(trial.info.run_id, [self._scorer.name])[self._scorer.name])
            self._earlier[prescription] = Run(trial.info.run_id, trial.info.experiment_id), written
        found = artifacts.read_folder(self._run.run_id, TRAININGS)
        return {name: resumed.from_dict(kept, detectors) for name, kept in found.items()}

    def close(self) -> None:
        """Wait until everything is written."""
        self._writer.shutdown()

    def _later(self, write: Callable[..., None], *what: Any) -> None:
        """Let the thread write; what it cannot write is said, and costs the search nothing."""

        def safely() -> None:
            try:
                write(*what)
            except Exception as error:
                text = f"A trial could not be written ({type(error).__name__}: {error}); the search goes on."
                warnings.warn(text, RemedyWarning, stacklevel=2)

        self._writer.submit(safely)

    def _write(self, attempt: Attempt) -> None:
        time.sleep(YIELD)
        outcome, names = attempt.outcome, attempt.prescription.names
        text = str(attempt.prescription)
        run, written = self._runs.get(attempt.number) or self._earlier.get(text) or (None, 0)
        params = {"prescription": text, **attempt.prescription.params()} if run is None else {}
        if run is None:
            tags = {"remedy.stuck": outcome.stuck, "remedy.error": outcome.error}
            name = f"{attempt.number:02d} {' + '.join(names) or 'as it was'}"
            run = self._run.child(name, "trial", {k: v for k, v in tags.items() if v})
        run.series(self._scorer.name, outcome.scores[written:], written, params)
        if attempt.others:
            run.metrics({f"{self._scorer.name}_over_seeds": attempt.score, "seeds": 1 + len(attempt.others)})
        run.end("FAILED" if outcome.error else "FINISHED")
        self._runs[attempt.number] = run, len(outcome.scores)
