"""How long MLflow's client waits for a server: seconds instead of minutes.

By itself it tries for four minutes to reach a server that is down, and a training would stand still so long. MLflow
asks variables of its own for that at every request, which read the environment; around the requests they answer
something else. The environment itself stays as it is: C libraries read it in threads of their own, and where another
thread changes it meanwhile the process dies (glibc's ``getenv`` beside ``setenv``).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mlflow import environment_variables

RETRIES = 3
"""A request that fails is sent again after 0, 2 and 4 seconds."""


class _Moment:
    """Variables that answer something else for a moment, by several threads at a time; the newest setting counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settings: list[tuple[Mapping[str, Any], bool]] = []

    @contextmanager
    def set(self, values: Mapping[str, Any], forced: bool) -> Iterator[None]:
        setting = (values, forced)
        with self._lock:
            self._settings.append(setting)
            self._apply()
        try:
            yield
        finally:
            with self._lock:
                self._settings = [other for other in self._settings if other is not setting]
                self._apply(values)

    def _apply(self, ended: Mapping[str, Any] | None = None) -> None:
        answers: dict[str, Any] = {}
        for values, forced in self._settings:
            answers |= {name: value for name, value in values.items() if forced or name not in os.environ}
        for name in {*answers, *(ended or ())}:
            variable = getattr(environment_variables, name, None)
            if variable is None:  # Of another release of MLflow.
                continue
            if name in answers:
                variable.get = lambda value=answers[name]: value
            else:
                vars(variable).pop("get", None)


_moment = _Moment()


@contextmanager
def answer_within(
    seconds: int | None = None, retries: int = RETRIES, quiet: bool = True, forced: bool = False
) -> Iterator[None]:
    """Let MLflow's client give up on a dead server within seconds. What the user has set stays.

    Args:
        seconds: How long an answer is waited for; None leaves it at MLflow's two minutes, for large files.
        retries: How often a failed request is sent again.
        quiet: Whether MLflow prints neither links nor progress bars, which end up in the output of a command.
        forced: Whether all this counts more than what the user has set.
    """
    values: dict[str, Any] = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": retries,
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": 1,
        "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": 0.0,  # It would be drawn from the user's random numbers.
    }
    if seconds is not None:
        values["MLFLOW_HTTP_REQUEST_TIMEOUT"] = seconds
    if quiet:
        values |= {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": True, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": False}
    with _moment.set(values, forced):
        yield
