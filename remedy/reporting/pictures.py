"""What people look at in a run: pictures, and for a stuck run a report, drawn when everything is known.

What cannot be drawn costs a `RemedyWarning` and nothing else.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from remedy.diagnosis import Examination
from remedy.errors import RemedyWarning, costs_a_warning
from remedy.reporting import figures
from remedy.reporting import text as report
from remedy.results import ReportCase
from remedy.tracking.run import Run

Draw = Callable[[ReportCase], Any]


def _headline(case: ReportCase) -> str:
    """Return what stands above the curves: since when a run is stuck and why, or how it ended."""
    text = report.verdict(case.examination) if case.examination.stuck else case.conclusion
    return figures.shortened(text.split(". ", maxsplit=1)[0], 90)


def _before_and_after(case: ReportCase) -> Any:
    if case.fix is None or case.fix.evidence is None:
        return None
    return figures.before_and_after(case.evidence, case.fix.evidence, case.examination.cause, "before and after")


PICTURES: Mapping[str, Draw] = {
    "curves.png": lambda case: figures.curves(case.evidence, case.examination, _headline(case)),
    "before_and_after.png": _before_and_after,
    "confusion.png": lambda case: figures.confusion(case.confusions),
    "predicted_against_true.png": lambda case: case.fix and figures.predicted_against_true(*case.sides),
    "recalls.png": lambda case: figures.recalls(case.confusions),
    "layers.png": lambda case: figures.layers(case.evidence),
    "search.png": lambda case: case.course and figures.search(case.course),
    "remedies.png": lambda case: case.fix and figures.remedies(case.fix.changes),
}
"""Pictures of a stuck run by file name; each is left out where there is nothing to draw."""

OF_HEALTHY = ("curves.png",)
OF_SEARCH = ("search.png", "remedies.png")
NOT_OF_FIXED = ("curves.png", "layers.png")
"""Pictures that a healthy run and a search have, and those of a stuck run that its fix has not: it has its own."""

REPORT, COUNTS = "report.html", "confusion.json"


def show(case: ReportCase, run: Run, fixed: Run | None = None, search: Run | None = None) -> None:
    """Draw pictures and report once, and keep them in the runs that they belong to.

    Args:
        case: What to show.
        run: The run itself; when it is healthy it gets its curves alone.
        fixed: The run of its fix, or None.
        search: The run of the search, or None.
    """
    if run.run_id is not None:
        with costs_a_warning("The pictures of the run are missing"):
            _show(case, run, fixed, search)


def _show(case: ReportCase, run: Run, fixed: Run | None, search: Run | None) -> None:
    stuck = case.examination.stuck
    with tempfile.TemporaryDirectory(prefix="remedy-pictures-") as folder:
        drawn = _draw(case, Path(folder), list(PICTURES) if stuck else list(OF_HEALTHY))
        if stuck and (page := _guarded(REPORT, _report, case)) is not None:
            (Path(folder) / REPORT).write_text(page, encoding="utf-8")
            drawn.append(Path(folder) / REPORT)
        for path in drawn:
            run.file(path)
            if fixed is not None and path.name not in NOT_OF_FIXED:
                fixed.file(path)
            if search is not None and path.name in OF_SEARCH:
                search.file(path)
    if fixed is not None and case.fix is not None and case.fix.evidence is not None:
        show(ReportCase(case.name, Examination(), case.fix.evidence, case.conclusion, fixed.run_id), fixed)
        if (counts := _counts(case)) is not None:
            run.text(COUNTS, counts)
            fixed.text(COUNTS, counts)


def picture(case: ReportCase) -> bytes | None:
    """Return the picture that says most, as PNG: before and after where there is a fix, else the curves."""
    for name in ("before_and_after.png", "curves.png"):
        content: bytes | None = _guarded(name, partial(_png, PICTURES[name]), case)
        if content is not None:
            return content
    return None


def _draw(case: ReportCase, folder: Path, names: list[str]) -> list[Path]:
    """Write pictures into a folder; return the files of those that have something to show."""
    written = []
    for name in names:
        content = _guarded(name, partial(_png, PICTURES[name]), case)
        if content is not None:
            (folder / name).write_bytes(content)
            written.append(folder / name)
    return written


def _png(draw: Draw, case: ReportCase) -> bytes | None:
    figure = draw(case)
    return None if figure is None else figures.png(figure)


def _guarded(name: str, draw: Callable[[ReportCase], Any], case: ReportCase) -> Any:
    """Return what is drawn; None, with a warning, where it cannot be."""
    try:
        return draw(case)
    except Exception as error:
        text = f"{name} could not be drawn ({type(error).__name__}: {error}); the run is logged without it."
        warnings.warn(text, RemedyWarning, stacklevel=3)
        return None


def _report(case: ReportCase) -> str:
    from remedy.reporting import html_report

    return html_report.report(case)


def _counts(case: ReportCase) -> str | None:
    """Return both confusion matrices as JSON, in rows; None where they were not counted."""
    if case.confusions is None or case.fix is None:
        return None
    before, after = case.confusions
    rows = "never trained on or chosen by" if case.fix.confirmed else "not confirmed: see the description of the run"
    found = {"rows": rows, "labels": before.labels, "before": before.counts, "after": after.counts}
    return json.dumps(found if before.missed is None else {**found, "missed": [before.missed, after.missed]})
