"""How long MLflow's client waits for a server: seconds instead of minutes.

By itself it tries for four minutes to reach a server that is down, and a training would stand still so long. MLflow
reads how long from the environment, at every request, so that is set around the requests and put back after them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RETRIES = 3
"""A request that fails is sent again after 0, 2 and 4 seconds."""


class _Moment:
    """Environment variables that are set for a moment, by several threads at a time; the newest setting counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: dict[str, str | None] = {}
        self._settings: list[tuple[dict[str, str], bool]] = []

    @contextmanager
    def set(self, values: dict[str, str], forced: bool) -> Iterator[None]:
        setting = (values, forced)
        with self._lock:
            if not self._settings:
                self._before = {}
            for name in values:
                self._before.setdefault(name, os.environ.get(name))
            self._settings.append(setting)
            self._apply()
        try:
            yield
        finally:
            with self._lock:
                self._settings = [other for other in self._settings if other is not setting]
                self._apply()

    def _apply(self) -> None:
        for name, before in self._before.items():
            value = before
            for values, forced in self._settings:
                if name in values and (before is None or forced):
                    value = values[name]
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
    values = {
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries),
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",  # It would be drawn from the user's random numbers.
    }
    if seconds is not None:
        values["MLFLOW_HTTP_REQUEST_TIMEOUT"] = str(seconds)
    if quiet:
        values |= {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}
    with _moment.set(values, forced):
        yield
