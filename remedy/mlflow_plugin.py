"""remedy as an MLflow plugin: stamps its tags on every run that is started beside it.

Entry point ``mlflow.run_context_provider``. MLflow imports this in every process that starts a
run, so it imports nothing heavy, and stays silent until remedy itself is in use.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from remedy._version import __version__

PROCESS = "remedy.process"
"""Tag of the runs that remedy begins: who began it, so that what a dead process left open can be closed."""

ROLE: ContextVar[str | None] = ContextVar("remedy_role", default=None)
"""The role of the run that remedy is about to start: "fit", "search", "trial" or "fix"."""


@functools.cache
def machine() -> tuple[str, str, str, str]:
    """Return what tells a process id of this machine from one of another: host, machine, start of it, container.

    Containers may share a host's name and count their processes anew. Ids of a machine are no names to hand out, so
    digests of them stand here; what is not known is empty.
    """

    def known(ask: Callable[[], str]) -> str:
        try:
            return hashlib.blake2b(ask().strip().encode(), digest_size=6).hexdigest()
        except OSError:  # Another system than Linux, or one that does not tell.
            return ""

    return (
        socket.gethostname(),
        known(Path("/etc/machine-id").read_text),
        known(Path("/proc/sys/kernel/random/boot_id").read_text),
        known(lambda: os.readlink("/proc/self/ns/pid")),
    )


def this_process() -> str:
    """Return this process as the tag names it."""
    return "|".join([*machine(), str(os.getpid())])


class RemedyContext:
    """Implements ``mlflow.tracking.context.RunContextProvider`` by shape, to stay light to import."""

    def in_context(self) -> bool:
        """Say whether this process uses remedy."""
        return "remedy.tracking.run" in sys.modules

    def tags(self) -> dict[str, Any]:
        """Return remedy's version, and the role of a run that remedy starts itself."""
        role = ROLE.get()
        own = {"remedy.role": role, PROCESS: this_process()} if role else {}
        return {"remedy.version": __version__, **own}
