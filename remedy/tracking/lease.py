"""Who searches a run: a tag in the store, so that two processes never search one run at the same time.

A store has no way to set a tag only where it is missing. So a process writes its name, waits a moment, and reads which
name stayed. A name is good until its time is over, or until its process is gone where that can be asked.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import mlflow

from remedy.mlflow_plugin import machine, this_process
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
        name = json.loads(tags.get(TAG, "null"))
        process, until = str(name["process"]), float(name["until"])
        end = time.strftime("%d %b %H:%M", time.localtime(until))
    except (ValueError, TypeError, KeyError, OverflowError, OSError):  # No name, or one that somebody else wrote.
        return None
    if until < time.time() or process == this_process() or is_gone(process):
        return None
    parts = process.split("|")
    return f"process {parts[-1]} on {parts[0]} (until {end} at most)"


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
    """Take this process's name away from a run that it does not search after all; that of another stays."""
    with suppress(Exception), answer_within():
        client = mlflow.MlflowClient()
        if f'"{this_process()}"' in client.get_run(run_id).data.tags.get(TAG, ""):
            client.delete_tag(run_id, TAG)


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
    return json.dumps({"process": this_process(), "until": round(until)})


def is_gone(process: str) -> bool:
    """Say whether a process, as `remedy.mlflow_plugin.this_process` names one, has certainly ended.

    That is known of processes of this machine, started since, and counted as this one is; and of those from before this
    machine was started the last time. Of all others nothing is known.
    """
    *of, pid = process.split("|")
    here = machine()
    if len(of) != len(here) or of[0] != here[0] or not (pid.isascii() and pid.isdecimal()):
        return False
    if of[2] != here[2]:  # Another start: of this machine, or of one that only has its name.
        return bool(of[1] and of[2] and here[2]) and of[1] == here[1]
    if of[3] != here[3]:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # It is somebody else's.
        return False
    return False
