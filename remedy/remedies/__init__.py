"""One file per act: a class with a name, a dose space, a usual dose, ``apply`` and ``patch``.

``from remedy.remedies import ClipGradients`` finds the class in its file. What a remedy of your own needs is here, too:
``from remedy.remedies import Dataset, NotApplicable, Recipe, Remedy``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

_NEEDED = {
    "Dataset": "remedy.data.dataset",
    "NotApplicable": "remedy.errors",
    "Recipe": "remedy.recipe.recipe",
    "Remedy": "remedy.remedies._base",
}


def __getattr__(name: str) -> Any:
    if name in _NEEDED:
        return getattr(import_module(_NEEDED[name]), name)
    for file in Path(__file__).parent.glob("[!_]*.py"):
        if file.stem.replace("_", "") == name.lower():
            return getattr(import_module(f"{__name__}.{file.stem}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
