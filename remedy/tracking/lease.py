"""Who searches a run: a tag in the store, so that two processes never search one run at the same time.

A store has no way to set a tag only where it is missing. So a process writes its name, waits a moment, and reads which
name stayed. A name is good until its time is over, or until its process is gone where that can be asked.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import mlflow

from remedy.tracking.run import Run
from remedy.tracking.timeouts import answer_within

TAG = "remedy.searched_by"
SETTLED = 0.5
"""Seconds until every process that began at the same moment has written its name."""

WITHOUT_LIMIT, LATE, MORE = 86_400.0, 3.0, 600.0
"""Seconds that a search without a limit is given; of others so many times the limit, and so many seconds more, for the
last training and the pictures."""


def other_holder(tags: Mapping[str, str]) -> str | None:
    """Return who else searches a run, in words; None where nobody does.

    Args:
        tags: Of the run.
    """
    try:
        held = json.loads(tags.get(TAG, "null"))
        host, pid, until = str(held["host"]), int(held["pid"]), float(held["until"])
    except (ValueError, TypeError, KeyError):  # No name, or one that somebody else wrote.
        return None
    mine = host == socket.gethostname() and pid == os.getpid()
    if until < time.time() or mine or is_gone(f"{host}:{pid}"):
        return None
    return f"process {pid} on {host} (until {time.strftime('%d %b %H:%M', time.localtime(until))} at most)"


def take(run_id: str, seconds: float | None) -> bool:
    """Write this process's name on a run, and say whether it stayed; True where the store cannot say.

    Args:
        run_id: The run to search.
        seconds: Limit of the search; None without one.
    """
    with suppress(Exception), answer_within():
        client = mlflow.MlflowClient()
        client.set_tag(run_id, TAG, _name(seconds))
        time.sleep(SETTLED)
        return other_holder(client.get_run(run_id).data.tags) is None
    return True


def leave(run_id: str) -> None:
    """Take this process's name away from a run that it does not search after all."""
    with suppress(Exception), answer_within():
        mlflow.MlflowClient().delete_tag(run_id, TAG)


@contextmanager
def held(run: Run, seconds: float | None) -> Iterator[None]:
    """Keep this process's name on a run while it is searched."""
    run.tags({TAG: _name(seconds)})
    try:
        yield
    finally:
        run.untag(TAG)


def _name(seconds: float | None) -> str:
    until = time.time() + (WITHOUT_LIMIT if seconds is None else LATE * seconds + MORE)
    name: dict[str, Any] = {"host": socket.gethostname(), "pid": os.getpid(), "until": round(until)}
    return json.dumps(name)


def is_gone(process: str) -> bool:
    """Say whether a process, as ``host:id``, is one of this host that has ended; of other hosts nothing is known."""
    host, _, pid = process.rpartition(":")
    if host != socket.gethostname() or not (pid.isascii() and pid.isdecimal()):
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # It is somebody else's.
        return False
    return False
