"""Names of a package that are loaded when they are first used, so that importing it stays light."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any


def door(package: str, homes: Mapping[str, str], folder: str | None = None) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package.

    Args:
        package: Its name.
        homes: ``{name: module that it lives in}``.
        folder: Of the package, where each class lives in a file of its own: DeadUnits in ``dead_units.py``.
    """

    def get(name: str) -> Any:
        if name in homes:
            return getattr(import_module(homes[name]), name)
        for file in Path(folder).glob("[!_]*.py") if folder else ():
            if file.stem.replace("_", "") == name.lower():
                return getattr(import_module(f"{package}.{file.stem}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
