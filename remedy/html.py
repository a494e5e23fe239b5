"""HTML for people: templates filled in with everything escaped, and what a notebook shows."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).parent / "templates"


def render(name: str, **values: Any) -> str:
    """Return a template of remedy's folder filled in; every value is escaped."""
    return str(_environment().get_template(name).render(**values))


def result(result: Any, picture: bytes | None) -> str:
    """Return what a notebook shows of a `remedy.Result`.

    Args:
        result: What `remedy.fit` handed back.
        picture: PNG to show, or None.
    """
    inline = None if picture is None else base64.b64encode(picture).decode()
    return render("result.html", result=result, fix=result.fix, diagnoses=result.diagnoses, picture=inline)


def fix(fix: Any) -> str:
    """Return what a notebook shows of a `remedy.Fix`."""
    return render("fix.html", fix=fix)


def examination(examination: Any) -> str:
    """Return what a notebook shows of a `remedy.Examination`."""
    return render("examination.html", examination=examination, diagnoses=examination.diagnoses)


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["signed"] = lambda value: "not measured" if value is None else f"{value:+.3f}"
    made.filters["number"] = lambda value: "-" if value is None else f"{value:.3f}"
    return made
