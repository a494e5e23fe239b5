"""Names of a package that are loaded when they are first used, so that importing it stays light."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

LEVEL = "TF_CPP_MIN_LOG_LEVEL"
"""TensorFlow's own variable; who sets it wants to see what TensorFlow says."""

START_UP = re.compile(
    rb"^[IWE]\d{4} |^\d{4}-\d\d-\d\d [\d:.]+: [IWE] |^WARNING: All log messages before absl|^To enable "
)
"""Lines that TensorFlow and CUDA write while they are imported, whatever the level is (since TensorFlow 2.17)."""


def door(package: str, homes: Mapping[str, str], folder: str | None = None) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package.

    Args:
        package: Its name.
        homes: ``{name: module that it lives in}``.
        folder: Of the package, where each class lives in a file of its own: DeadUnits in ``dead_units.py``.
    """

    def get(name: str) -> Any:
        if name in homes:
            with quiet_start(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "IProgress not found")  # Optuna's bars, which are never shown.
                return getattr(import_module(homes[name]), name)
        for file in Path(folder).glob("[!_]*.py") if folder else ():
            if file.stem.replace("_", "") == name.lower():
                return getattr(import_module(f"{package}.{file.stem}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get


def load_keras() -> None:
    """Import Keras and its backend; that takes seconds, and lines on standard error that tell nobody anything."""
    with quiet_start():
        import_module("keras")


@contextmanager
def quiet_start(always: bool = False) -> Iterator[None]:
    """Leave out TensorFlow's start-up lines, where TensorFlow is imported meanwhile; all else is written afterwards.

    Args:
        always: Also where the level was set: a worker process inherits it from one that was started quietly.
    """
    if "tensorflow" in sys.modules or (LEVEL in os.environ and not always):
        yield
        return
    os.environ.setdefault(LEVEL, "3")  # No thread reads the environment yet.
    try:
        error = os.dup(2)
    except OSError:  # There is no standard error.
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(error, 2)
            os.close(error)
            kept.seek(0)
            rest = b"".join(line for line in kept if not START_UP.match(line))
            if rest:
                os.write(2, rest)
