"""One file per trouble: a class with a code, a name, a docstring and ``detect``.

``from remedy.detectors import DeadUnits`` finds the class in its file. What a detector of your own needs is here, too:
``from remedy.detectors import Detector, Evidence, Finding``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

_NEEDED = {
    "Detector": "remedy.detectors._base",
    "Evidence": "remedy.evidence.evidence",
    "Finding": "remedy.diagnosis",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDED:
        return getattr(import_module(_NEEDED[name]), name)
    for file in Path(__file__).parent.glob("[!_]*.py"):
        if file.stem.replace("_", "") == name.lower():
            return getattr(import_module(f"{__name__}.{file.stem}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
