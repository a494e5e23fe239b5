"""Opens a run for a training, or does without where the store fails, and ends it as the training ended."""

from __future__ import annotations

import os
import random
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mlflow

from remedy._version import __version__
from remedy.errors import RemedyWarning
from remedy.mlflow_plugin import ROLE
from remedy.tracking.connection import (
    experiment_id,
    first_line,
    require_reachable,
    use_default_store,
)
from remedy.tracking.run import ANSWER, Run
from remedy.tracking.timeouts import RETRIES, answer_within


@contextmanager
def open_run(experiment: str | None, name: str | None, tags: Mapping[str, str] | None) -> Iterator[Run]:
    """Start a run for a training (or use the user's active one) and end it with the truth.

    An exception ends it FAILED with the reason as a tag, Ctrl-C ends it KILLED. Without a
    reachable store there is one warning, and a run that logs nowhere.
    """
    outer = mlflow.active_run()
    token = ROLE.set("fit")
    try:
        try:
            require_reachable(use_default_store())
            # A run that a fit has written to already is no place for another one.
            mine = outer is None or "remedy.role" in mlflow.get_run(outer.info.run_id).data.tags
            started, new = _start(experiment, name, tags, outer) if mine else (outer, False)
            family = f"{started.info.run_name} {started.info.run_id[:4]}"
            run = Run(started.info.run_id, started.info.experiment_id, family=family, shared=not new)
            own = {} if new else {"remedy.role": "fit", "remedy.version": __version__, **(tags or {})}
            run.tags({"remedy.family": family, **own})
        except Exception as error:
            text = f"This run is not logged: {first_line(error)}"
            warnings.warn(text, RemedyWarning, stacklevel=4)
            run, mine = Run(None, None), False
    finally:
        ROLE.reset(token)
    try:
        yield run
    except BaseException as error:
        killed = isinstance(error, KeyboardInterrupt)
        run.tags({"remedy.failure": f"{type(error).__name__}: {first_line(error)}"})
        _leave(run, mine, "KILLED" if killed else "FAILED")
        raise
    _leave(run, mine, "FINISHED")


def inside_a_run() -> bool:
    """Say whether the user has a run of MLflow's open."""
    return mlflow.active_run() is not None


def _start(experiment: str | None, name: str | None, tags: Mapping[str, str] | None, outer: Any) -> tuple[Any, bool]:
    """Start a run, below ``outer`` where there is one; say whether it is new.

    It goes on with the run of ``MLFLOW_RUN_ID`` instead, in whatever experiment that is.
    """
    new = outer is not None or not os.environ.get("MLFLOW_RUN_ID")
    drawn = random.getstate()  # MLflow draws the name of a run from the user's random numbers.
    try:
        with answer_within(ANSWER):
            within = outer.info.experiment_id if outer else experiment_id(experiment) if new else None
            nested = outer is not None
            return mlflow.start_run(experiment_id=within, run_name=name, tags=dict(tags or {}), nested=nested), new
    finally:
        random.setstate(drawn)


def _leave(run: Run, mine: bool, status: str) -> None:
    if not mine:
        return
    lost = run.line.down
    try:
        active = mlflow.active_run()
        if active is not None and active.info.run_id == run.run_id:
            with answer_within(ANSWER, retries=0 if lost else RETRIES, quiet=False):
                mlflow.end_run(status)
    except Exception as error:
        if not lost:  # That was said.
            warnings.warn(f"MLflow did not end run {run.run_id}: {first_line(error)}", RemedyWarning, stacklevel=4)
