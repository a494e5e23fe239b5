"""What people read: the live lines in a terminal, the final table, and the run's description."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from remedy.diagnosis import Diagnosis, Examination
from remedy.prescription import Change


def signed(value: float | None) -> str:
    """Spell a difference of scores, or that it was not measured."""
    return "not measured" if value is None else f"{value:+.3f}"


def verdict(examination: Examination) -> str:
    """Say in one sentence what state a run is in."""
    cause = examination.cause
    if examination.blind:
        return "Nothing can be said: no loss was logged (one value an epoch, called loss, train_loss or train/loss)."
    if examination.outcome == "not judged":
        return f"Not judged: {examination.unjudged}."
    if cause is None:
        return "No sign of a stuck run." if not examination.diagnoses else "Not stuck."
    return f"Stuck since epoch {cause.epoch}: {cause.name} ({cause.code}). {cause.message}"


def verdict_tags(examination: Examination) -> dict[str, str | None]:
    """Return the tags that say whether a run is stuck, why and since when."""
    cause = examination.cause
    return {
        "remedy.verdict": examination.outcome,
        "remedy.cause": cause.name if cause else None,
        "remedy.code": cause.code if cause else None,
        "remedy.stuck_epoch": str(cause.epoch) if cause else None,
    }


def summary(examination: Examination, conclusion: str, fixed: bool, url: str | None) -> str:
    """Say in five lines how a run went, for ``print(result)``.

    Args:
        examination: Of the run.
        conclusion: How it ended.
        fixed: Whether a fix is handed back.
        url: Of the run, or None.
    """
    found = [d.name for d in examination.diagnoses]
    more = "print(result.fix) for the fix, print(result.fix.patch) for lines of Python" if fixed else "result.diagnoses"
    judged = verdict(examination)
    return "\n".join(
        [
            f"Verdict: {judged}",
            f"Found: {', '.join(found) or 'nothing'}",
            *([] if conclusion == judged else [f"Outcome: {conclusion}"]),
            f"More: {more}",
            f"MLflow run: {url or 'none'}",
        ]
    )


ONE_LINE = 70
"""Letters of a verdict that leave room for a link behind it, in the width that MLflow gives a description."""


def note(
    headline: str,
    link: str | None,
    diagnoses: Sequence[Diagnosis] = (),
    changes: Sequence[Change] = (),
    run_id: str | None = None,
) -> str:
    """Return the Markdown description of a run; MLflow shows its first lines, so those carry verdict and link.

    Args:
        headline: Verdict or conclusion.
        link: To the other run of the two, or None.
        diagnoses, changes: For the tables.
        run_id: Run that holds the picture of before and after, which MLflow's server shows in the text; or None.
    """
    verdict, _, rest = headline.partition(". ")
    parts = [f"**{verdict.rstrip('.')}.**", *([link] if link else [])]
    # The link has to stand in the first of the three lines that MLflow shows: what covers the third takes its clicks.
    lines = [" ".join(parts if len(verdict) <= ONE_LINE else reversed(parts)), "", *([rest, ""] if rest else [])]
    if diagnoses:
        lines += ["| code | trouble | from epoch | what was seen |", "| --- | --- | --- | --- |"]
        lines += [f"| {d.code} | {d.name} | {d.epoch or 'start'} | {d.message} |" for d in diagnoses]
        lines.append("")
    if changes:
        lines += ["| remedy | before | after | alone | without it |", "| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {c.remedy} | {c.before} | {c.after} | {signed(c.alone)} | {signed(minus(c.without))} |" for c in changes
        ]
    if run_id is not None:
        lines += ["", f"![before and after](/get-artifact?path=before_and_after.png&run_uuid={run_id})"]
    return "\n".join(lines)


def examination_table(examination: Examination) -> Table:
    """Return a rich table of what was found, with a line each for all that passed and all that could not be seen."""
    table = Table("", "detector", "what was seen", box=SIMPLE_HEAD)
    for d in examination.diagnoses:
        table.add_row(
            "[red]stuck[/]" if d.severity == "error" else "[yellow]note[/]", f"{d.code} {d.name}", escape(d.message)
        )
    if examination.passed:
        table.add_row("[green]fine[/]", f"{len(examination.passed)} detectors", ", ".join(examination.passed))
    if examination.not_recorded:
        missing = ", ".join(sorted({part for why in examination.not_recorded.values() for part in why.split(", ")}))
        table.add_row(
            "[dim]not seen[/]", f"{len(examination.not_recorded)} detectors", f"[dim]not logged: {missing}[/]"
        )
    for name, why in examination.failed.items():
        table.add_row("[magenta]broken[/]", name, escape(why))
    return table


def next_command(run_id: str, examination: Examination, treatable: bool) -> str:
    """Return the command that follows from an examination of a logged run."""
    if examination.stuck and treatable:
        return f"remedy tune --run {run_id}"
    if examination.diagnoses:
        return f"remedy explain {examination.diagnoses[0].code}"
    return "remedy catalogue"


def minus(value: float | None) -> float | None:
    """Turn the sign of a number; None stays None."""
    return None if value is None else -value
