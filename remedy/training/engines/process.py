"""The engine that trains in several processes, one job in each at a time.

The driver's process alone decides, and writes to Optuna and MLflow; a worker process that dies (out
of memory, a crash, a kill) or hangs costs its job one retry and never the search.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import keras

from remedy.data.dataset import Dataset
from remedy.data.scores import Scorer
from remedy.detectors._base import Detector
from remedy.recipe.recipe import Recipe
from remedy.training.engines._base import Engine, Job, Outcome
from remedy.training.engines.inline import rebuilt, trace_key
from remedy.training.engines.worker import ROWS, Worker

RETRIES = 1
"""How often a job is tried again whose worker died, or hung."""

OVERDUE = 2.0
"""A training hangs that takes so many times the seconds it was given, and those below."""

GRACE, COMPILING, ASKED = 60.0, 600.0, 900.0
"""Seconds that a worker may be late, for a step that takes long; that its start, or a graph which it has not compiled
yet, may take, with XLA minutes; and that it may take over a question beside a training."""


@dataclass
class _Task:
    """A job that a worker is at, how often its worker died, and from when on it hangs by the driver's clock."""

    job: Job
    deaths: int = 0
    due: float | None = None


class ProcessEngine(Engine):
    """Train in worker processes that stay; a job goes on in the process that knows its weights."""

    def __init__(
        self,
        dataset: Dataset,
        scorer: Scorer,
        detectors: Sequence[Detector],
        workers: int,
        gpus: Sequence[str] = (),
    ) -> None:
        """Start the processes; they get ready while the driver goes on.

        Args:
            dataset: Rows to train on, choose by and confirm on; written to a temporary file once.
            scorer: The objective.
            detectors: They end a job that is itself stuck.
            workers: How many processes.
            gpus: Names of GPUs as ``CUDA_VISIBLE_DEVICES`` takes them; shared out in turn.
        """
        self._dataset, self.at_once = dataset, workers
        self._folder = tempfile.TemporaryDirectory(prefix="remedy-rows-")
        folder = Path(self._folder.name)
        joblib.dump(dataset, folder / ROWS)
        config = {"floatx": keras.config.floatx(), "image_data_format": keras.config.image_data_format()}
        setting = cloudpickle.dumps((scorer, tuple(detectors), config))
        environments = [_environment(number, workers, gpus) for number in range(workers)]
        self._workers = [Worker(folder, setting, environment) for environment in environments]
        self._tasks: dict[int, _Task] = {}
        self._ended: list[tuple[Job, Outcome]] = []

    def clock(self) -> float:
        """Return the driver's monotonic clock."""
        return time.perf_counter()

    def train(self, job: Job) -> Outcome:
        """Train one job and wait for it."""
        worker = self._place(job, or_busy=True)
        assert worker is not None  # There is one, be it busy.
        self._settle(worker)
        self._begin(worker, _Task(job))
        self._settle(worker)
        mine = next(ended for ended in self._ended if ended[0] is job)
        self._ended.remove(mine)
        return mine[1]

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Outcome]]:
        """Train jobs, as many at a time as there are processes."""
        source, held, more = iter(jobs), list[Job](), True
        while True:
            for job in list(held):
                if worker := self._place(job):
                    held.remove(job)
                    self._begin(worker, _Task(job))
            while more and not self._ended and not all(worker.busy for worker in self._workers):
                drawn = next(source, None)
                if drawn is None:
                    more = False
                elif worker := self._place(drawn):
                    self._begin(worker, _Task(drawn))
                else:
                    held.append(drawn)  # Its weights are in a process that is busy.
            if not self._ended and not self._tasks:
                return
            yield self._next()

    def suggest_rate(self, recipe: Recipe, seed: int) -> float | None:
        """Let a process make a range test."""
        key = trace_key(recipe)
        worker = min(self._workers, key=lambda w: (w.busy, key not in w.traces))
        return self._ask(worker, "suggest_rate", recipe, seed)

    def model(self, key: str) -> Any:
        """Return a model with what the job has learned, or None."""
        worker = self._owner(key)
        learned = None if worker is None else self._ask(worker, "learned", key)
        if learned is None:
            return None
        recipe, values = learned
        return rebuilt(recipe, values, self._dataset)

    def forget(self, key: str) -> None:
        """Let go of what a job has learned."""
        worker = self._owner(key)
        if worker is not None:
            worker.keys.discard(key)
            worker.forgotten.append(key)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.stop()
        self._workers, self._tasks = [], {}
        self._folder.cleanup()

    def _owner(self, key: str) -> Worker | None:
        return next((worker for worker in self._workers if key in worker.keys), None)

    def _place(self, job: Job, or_busy: bool = False) -> Worker | None:
        """Return the worker for a job: that which knows its weights, else a free one, best one that knows its graph."""
        owner = self._owner(job.key)
        if owner is not None:
            return owner if or_busy or not owner.busy else None
        key = trace_key(job.recipe)
        free = [worker for worker in self._workers if or_busy or not worker.busy]
        return min(free, key=lambda w: (w.busy, key not in w.traces, len(w.traces)), default=None)

    def _begin(self, worker: Worker, task: _Task) -> None:
        """Give a job to a worker; its deadline by the time of day, for monotonic clocks of processes may differ."""
        job = task.job
        known = worker.ready and trace_key(job.recipe) in worker.traces
        worker.keys.add(job.key)
        worker.traces.add(trace_key(job.recipe))
        self._tasks[id(worker)] = task
        now = self.clock()
        ends = [
            end
            for end in (job.deadline, None if job.seconds is None else now + OVERDUE * job.seconds)
            if end is not None
        ]
        task.due = max(now, min(ends)) + GRACE + (0.0 if known else COMPILING) if ends else None
        deadline = None if job.deadline is None else job.deadline - now + time.time()
        try:
            worker.call("train", replace(job, deadline=deadline))
        except EOFError:
            self._mourn(worker)

    def _end(self, worker: Worker) -> None:
        """Wait for a worker's job; where the worker died or hangs, the job is tried again."""
        due = self._tasks[id(worker)].due
        try:
            outcome: Outcome = worker.answer(None if due is None else due - self.clock())
        except EOFError:
            self._mourn(worker)
        except TimeoutError:
            self._mourn(worker, hung=True)
        else:
            self._ended.append((self._tasks.pop(id(worker)).job, outcome))

    def _mourn(self, worker: Worker, hung: bool = False) -> None:
        """Put a new process in the place of one that is dead or hangs, and its job there once more."""
        task = self._tasks.pop(id(worker))
        code = worker.restart()
        late = task.job.deadline is not None and self.clock() >= task.job.deadline
        if task.deaths < RETRIES and not (hung and late):
            self._begin(worker, _Task(task.job, task.deaths + 1))
            return
        died = f"died {task.deaths + 1} times (exit code {code}); out of memory?"
        text = f"The process that trained it {'hung and was ended' if hung else died}"
        self._ended.append((task.job, Outcome(error=text)))

    def _next(self) -> tuple[Job, Outcome]:
        """Return a job that has ended; wait for one."""
        while not self._ended:
            doors = {worker.door: worker for worker in self._workers if id(worker) in self._tasks}
            dues = [task.due for task in self._tasks.values() if task.due is not None]
            ready = wait(list(doors), max(0.0, min(dues) - self.clock()) if dues else None)
            hung = [w.door for w in doors.values() if (due := self._tasks[id(w)].due) and due <= self.clock()]
            for door in dict.fromkeys([*ready, *hung]):
                self._end(doors[door])  # type: ignore[index]
        return self._ended.pop(0)

    def _settle(self, worker: Worker) -> None:
        """Wait until a worker is free; what it was at is given back later."""
        while id(worker) in self._tasks:
            self._end(worker)
        if worker.busy:  # Ctrl-C came before an answer was read.
            try:
                worker.answer(ASKED)
            except (EOFError, TimeoutError):
                worker.restart()

    def _ask(self, worker: Worker, name: str, *arguments: Any) -> Any:
        """Return a worker's answer; None where it died or hangs."""
        self._settle(worker)
        try:
            worker.call(name, *arguments)
            return worker.answer(ASKED)
        except (EOFError, TimeoutError):
            worker.restart()
            return None


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environment(number: int, workers: int, gpus: Sequence[str]) -> dict[str, str]:
    """Return the variables of one worker: its share of the cores, its GPU, and no more GPU memory than it needs."""
    threads = str(max(1, cores() // workers))
    limits = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS")
    variables = {
        "KERAS_BACKEND": keras.backend.backend(),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        **{name: os.environ.get(name, threads) for name in limits},  # What the user has set stays.
    }
    if gpus:
        variables["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return variables
