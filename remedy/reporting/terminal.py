"""What a terminal shows while a training is watched and a remedy is searched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from remedy.diagnosis import Diagnosis
from remedy.prescription import Change
from remedy.reporting.text import minus, signed
from remedy.search.attempts import Attempt
from remedy.search.confirmation import Proof

STAGES = {
    "search": "searching remedies",
    "continue": "training the best on",
    "reduce": "dropping what is not needed",
    "confirm": "confirming on fresh seeds",
}


class Terminal:
    """Says the diagnosis when it is certain, and shows a progress bar while a search works.

    Silent with ``quiet``; plain lines where the output is no terminal.
    """

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        """Prepare a console on standard output."""
        self.console = console or Console(quiet=quiet, highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._task: Any = None
        self._best: float | None = None

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Say a diagnosis in one sentence with its numbers."""
        mark = "[bold red]stuck[/]" if diagnosis.severity == "error" else "[yellow]note[/]"
        when = f"epoch {diagnosis.epoch}" if diagnosis.epoch else "before training"
        self.console.print(f"\n{mark} ({when}) {diagnosis.code} {diagnosis.name}: {diagnosis.message}", markup=True)

    def stage(self, name: str, total: int) -> None:
        """Begin a bar for a stage of the search."""
        self.close()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[best]}"),
            console=self.console,
            transient=False,
            disable=self.console.quiet,
        )
        self._progress.start()
        self._task = self._progress.add_task(STAGES.get(name, name), total=total, best=self._best_text())

    def step(self, name: str, score: float | None) -> None:
        """Advance the bar by one training."""
        if score is not None and (self._best is None or score > self._best):
            self._best = score
        if self._progress is not None:
            self._progress.update(self._task, advance=1, best=self._best_text())

    def attempt(self, attempt: Attempt) -> None:
        """Nothing to add: `step` has moved the bar."""

    def close(self) -> None:
        """End the bar."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _best_text(self) -> str:
        return "" if self._best is None else f"best so far {self._best:.3f}"

    def advice(self, lines: str | None, stuck: bool = False) -> None:
        """Print what may be worth a try."""
        if lines is not None:
            start = "No fix was proven." if stuck else "It learns all the same."
            text = f"{start} What may be worth a try, measured by nobody:\n{lines}"
            self.console.print(text, markup=False)

    def conclusion(self, text: str, proof: Proof | None = None, changes: Sequence[Change] = ()) -> None:
        """Print what came of it, with the table of changes where there is a fix."""
        self.close()
        self.console.print(text, markup=False)
        if changes and proof is not None:
            table = Table("remedy", "before", "after", "alone", "without it")
            for change in changes:
                table.add_row(
                    change.remedy, change.before, change.after, signed(change.alone), signed(minus(change.without))
                )
            self.console.print(table)
