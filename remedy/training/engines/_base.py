"""What an engine is: it takes a job and gives back an outcome. It never writes to Optuna or MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from remedy.diagnosis import Diagnosis
from remedy.evidence.evidence import Evidence
from remedy.recipe.recipe import Recipe


@dataclass(frozen=True)
class Job:
    """One training to do.

    Attributes:
        recipe: What to train.
        seed: Of initial weights, shuffling and dropout.
        epochs: Train until this many epochs are done in all.
        key: Names the training. A job with the key of an earlier one goes on with its weights.
        judge_by: "validation" or "holdout": which rows score it after every epoch.
        rows: Share of the training rows, a sample that keeps the shares of classes; the same for every job.
        deadline: Time by the engine's clock after which no further step is taken.
        seconds: Seconds of training after which no further step is taken, tracing not counted.
        stop_when_stuck: Let the detectors end it as soon as they are certain.
        choose: None keeps the weights of the last epoch, as ``Model.fit`` does. A number keeps those of the epoch
            with the best score on the validation rows; of epochs that lie lower by no more than this, that whose
            worst class is found most often.
    """

    recipe: Recipe
    seed: int
    epochs: int
    key: str
    judge_by: str = "validation"
    rows: float = 1.0
    deadline: float | None = None
    seconds: float | None = None
    stop_when_stuck: bool = True
    choose: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        scores: Score after every epoch so far, oldest first; higher is better. The last is that of the weights that
            the training left, which need not be those of the last epoch. Where the program's own callbacks ended it,
            that score stands for every epoch that was to follow.
        evidence: What was measured on the way.
        stuck: Name of the trouble that ended it, or None.
        diagnoses: What the detectors found in it.
        seconds: Wall time of this job alone.
        error: Why it could not be trained, or None.
        cut: Whether time ended it inside an epoch: its last score is that of a part.
    """

    scores: tuple[float, ...] = ()
    evidence: Evidence | None = None
    stuck: str | None = None
    seconds: float = 0.0
    error: str | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    cut: bool = False

    def in_full(self, epochs: int) -> bool:
        """Say whether it came to the end of so many epochs."""
        return len(self.scores) >= epochs and not self.cut

    @property
    def score(self) -> float | None:
        """Score of the weights that the training left; None when there is none."""
        return self.scores[-1] if self.scores else None

    @property
    def broken(self) -> bool:
        """Whether a loss or a weight that is no finite number ended it."""
        return self.stuck is not None and self.evidence is not None and self.evidence.nonfinite_epoch is not None

    @property
    def timed(self) -> tuple[float, ...]:
        """Seconds of every epoch; empty where none was measured."""
        return tuple((self.evidence.seconds if self.evidence else None) or ())


class Engine(Protocol):
    """Trains recipes on one dataset.

    Attributes:
        at_once: How many trainings `run` has going at the same time.
    """

    at_once: int = 1

    def train(self, job: Job) -> Outcome:
        """Train, and return what came of it; a recipe that cannot be trained gives ``error``."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Train what an iterator gives, and give back every job with its outcome as it ends.

        The next job is drawn when there is a place for it, so the iterator may decide by what came out before.

        Args:
            jobs: Where an engine trains several at a time, no two of them have the same key.
        """
        for job in jobs:
            yield job, self.train(job)

    def suggest_rate(self, recipe: Recipe, seed: int) -> float | None:
        """Return a learning rate by a short range test, or None where none can be told."""

    def model(self, key: str) -> Any:
        """Return the trained model of a job, or None when it is no longer kept."""

    def forget(self, key: str) -> None:
        """Let go of the model of a job."""

    def close(self) -> None:
        """Let go of everything; no job may follow."""
        return

    def clock(self) -> float:
        """Return the time in seconds by which deadlines are meant."""
