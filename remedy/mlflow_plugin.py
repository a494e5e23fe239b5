"""remedy as an MLflow plugin: stamps its tags on every run that is started beside it.

Entry point ``mlflow.run_context_provider``. MLflow imports this in every process that starts a
run, so it imports nothing heavy, and stays silent until remedy itself is in use.
"""

from __future__ import annotations

import os
import socket
import sys
from contextvars import ContextVar
from typing import Any

from remedy._version import __version__

PROCESS = "remedy.process"
"""Tag of the runs that remedy begins: host and process id, so that what a dead process left open can be closed."""

ROLE: ContextVar[str | None] = ContextVar("remedy_role", default=None)
"""The role of the run that remedy is about to start: "fit", "search", "trial" or "fix"."""


class RemedyContext:
    """Implements ``mlflow.tracking.context.RunContextProvider`` by shape, to stay light to import."""

    def in_context(self) -> bool:
        """Say whether this process uses remedy."""
        return "remedy.tracking.run" in sys.modules

    def tags(self) -> dict[str, Any]:
        """Return remedy's version, and the role of a run that remedy starts itself."""
        role = ROLE.get()
        own = {"remedy.role": role, PROCESS: f"{socket.gethostname()}:{os.getpid()}"} if role else {}
        return {"remedy.version": __version__, **own}
