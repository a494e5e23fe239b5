"""One file per trouble: a class with a code, a name, a docstring and ``detect``.

``from remedy.detectors import DeadUnits`` finds the class in its file.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    slug = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    try:
        return getattr(import_module(f"{__name__}.{slug}"), name)
    except (ModuleNotFoundError, AttributeError):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
