"""The report on a run: one HTML file that needs nothing else, with verdict, diagnoses, changes, patch and plots."""

from __future__ import annotations

import base64
import functools
import gzip
from typing import Any

from remedy import html
from remedy.evidence.evidence import Evidence
from remedy.reporting import plots
from remedy.reporting import text as told
from remedy.results import ReportCase

HEADINGS = {
    "curves": "Loss and score over the epochs",
    "predictions": "Which classes were predicted",
    "confusion": "Which class was taken for which, on rows set aside",
    "predicted_against_true": "Predicted and true values, on rows set aside",
    "recalls": "Share of every class that was found, on rows set aside",
    "layers": "Layers, at the epochs that were looked at",
    "search": "Score of every trial on the validation rows",
    "remedies": "Which remedy mattered",
}
"""Plots in their order, with their headings."""


def report(case: ReportCase) -> str:
    """Return the report on a run as one HTML page; the same for the same case.

    Plotly's script is packed into the page and unpacked by the browser (`DecompressionStream`, in all browsers since
    2023): a third of its 5 MB, and no address is asked.

    Args:
        case: What to report on.
    """
    drawn = {name: plot.to_json() for name, plot in _plots(case).items() if plot is not None}
    return html.render(
        "report.html",
        case=case,
        fix=case.fix,
        verdict=told.verdict(case.examination),
        facts=_facts(case.evidence),
        headings=HEADINGS,
        plots=drawn,
        script=_script(),
    )


def _plots(case: ReportCase) -> dict[str, Any]:
    fix = case.fix
    after = fix.evidence if fix else None
    return {
        "curves": plots.curves(case.evidence, after, case.examination.cause),
        "predictions": plots.predictions(case.evidence, after),
        "confusion": plots.confusion(case.confusions),
        "predicted_against_true": plots.predicted_against_true(*case.sides) if fix else None,
        "recalls": plots.recalls(case.confusions),
        "layers": plots.layers(case.evidence),
        "search": plots.search(case.course) if case.course else None,
        "remedies": plots.remedies(fix.changes) if fix else None,
    }


def _facts(evidence: Evidence) -> dict[str, str]:
    """Return what a reader wants to know of a run at first sight."""
    known = {
        "task": evidence.task,
        "training rows": evidence.n_train,
        "validation rows": evidence.n_validation,
        "epochs": f"{evidence.epochs_seen} of {evidence.epochs_planned}" if evidence.epochs_planned else None,
        "loss": evidence.loss_name,
        "optimizer": evidence.optimizer,
        "batch size": evidence.batch_size,
        "layers": len(evidence.layers) if evidence.layers else None,
    }
    return {name: f"{value:,}" if isinstance(value, int) else value for name, value in known.items() if value}


@functools.cache
def _script() -> str:
    """Return plotly's script, packed."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 6, mtime=0)).decode()
