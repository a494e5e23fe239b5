"""An engine that follows a script, for tests of search and confirmation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remedy.evidence.evidence import Evidence
from remedy.recipe.recipe import Recipe
from remedy.training.engines._base import Engine, Job, Outcome


class ScriptedEngine(Engine):
    """An engine that trains nothing: scores follow a script, and its clock is its own.

    Tests of search and confirmation use it in place of an engine that trains.

    Attributes:
        jobs: Every job it was given, in order.
        now: Its clock, in seconds; a test may set it.
    """

    def __init__(
        self,
        script: Callable[[Job, int], float],
        seconds_per_epoch: float = 1.0,
        stuck: Callable[[Job], str | None] = lambda job: None,
    ) -> None:
        """Take the script.

        Args:
            script: ``(job, epoch from 1) -> score``; raising stands for a training that fails.
            seconds_per_epoch: What an epoch costs on its clock.
            stuck: ``job -> name of the trouble that ends it after its first epoch, or None``.
        """
        self.script, self.seconds_per_epoch, self.stuck = script, seconds_per_epoch, stuck
        self.jobs: list[Job] = []
        self.now = 0.0
        self._done: dict[str, list[float]] = {}

    def clock(self) -> float:
        """Return the scripted time."""
        return self.now

    def train(self, job: Job) -> Outcome:
        """Follow the script until the epochs, the deadline or the trouble ends it."""
        self.jobs.append(job)
        began = self.now
        scores = self._done.setdefault(job.key, [])
        trouble = self.stuck(job)
        while len(scores) < job.epochs and not (trouble and scores):
            over = job.deadline is not None and self.now >= job.deadline
            if scores and (over or (job.seconds is not None and self.now >= began + job.seconds)):
                break
            try:
                scores.append(self.script(job, len(scores) + 1))
            except (ValueError, RuntimeError) as error:
                return Outcome(error=str(error), seconds=self.now - began)
            self.now += self.seconds_per_epoch
        evidence = Evidence(loss=tuple(1.0 for _ in scores), seconds=tuple(self.seconds_per_epoch for _ in scores))
        return Outcome(tuple(scores), evidence, trouble, self.now - began)

    def suggest_rate(self, recipe: Recipe, seed: int) -> float | None:
        """Suggest nothing."""
        del recipe, seed
        return None

    def model(self, key: str) -> Any:
        """Return the key itself for a job that was trained."""
        return key if key in self._done else None

    def forget(self, key: str) -> None:
        """Forget a job."""
        self._done.pop(key, None)
