"""What a terminal shows while a training is watched and a remedy is searched."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from remedy.diagnosis import Diagnosis
from remedy.prescription import Change
from remedy.reporting.progress import Bar, bar_for, in_notebook
from remedy.reporting.text import minus, signed
from remedy.search.attempts import Attempt
from remedy.search.proof import Proof

STAGES = {
    "search": "searching remedies",
    "continue": "going on",
    "reduce": "dropping remedies",
    "confirm": "proving on fresh seeds",
}

COUNTED, JUDGED = ("continue", "reduce", "confirm"), ("search", "continue")
"""Stages whose length is known, and stages whose trainings are scored on validation rows to be chosen by."""

NOTEBOOK_WIDTH = 100
"""Letters of a line in a notebook; its tables and sentences are no wider."""


class Terminal:
    """Says the diagnosis when it is certain, and shows one progress bar while a search works.

    Silent with ``quiet``; plain lines where the output is no terminal.
    """

    def __init__(self, quiet: bool = False, console: Console | None = None) -> None:
        """Prepare a console on standard output."""
        self.console = console or _console(quiet)
        self._bar: Bar | None = None
        self._best: float | None = None
        self._ended = ""
        self._stage, self._of, self._at, self._done = "search", 0, 0, 0
        self._most = ""

    def diagnosis(self, diagnosis: Diagnosis) -> None:
        """Say a diagnosis in one sentence with its numbers."""
        mark = "[bold red]stuck[/]" if diagnosis.severity == "error" else "[yellow]note[/]"
        when = f"epoch {diagnosis.epoch}" if diagnosis.epoch else "before training"
        told = escape(
            f"{diagnosis.code} {diagnosis.name}: {diagnosis.message}"
        )  # An input may be called "weight [kg]".
        self.console.print(f"\n{mark} ({when}) {told}", markup=True)

    def begin(self, trials: int, seconds: float | None) -> None:
        """Begin a search of so many prescriptions and seconds at most: one bar shows it to its end."""
        self.close()
        self._best, self._done, self._ended = None, 0, ""
        self._most = f" of {seconds:.0f}" if seconds else f", of {trials} prescriptions at most"
        self._bar = bar_for(self.console, seconds)
        self._bar.show(STAGES["search"])

    def stage(self, name: str, total: int) -> None:
        """Go on with another stage of the search; of a stage with a name of its own the steps are counted."""
        self._stage, self._of, self._at = name, total, 0
        if self._bar is None:
            self.begin(total, None)
        self._show()

    def step(self, name: str, score: float | None) -> None:
        """Count a training, and keep the best score of its stage."""
        self._done, self._at = self._done + (self._stage in STAGES), self._at + 1
        if score is not None and self._stage in JUDGED and (self._best is None or score > self._best):
            self._best = score
        self._show()

    def ended(self, why: str) -> None:
        """Take down what ended the search; the bar says it when it ends."""
        self._ended = f"; ended by {why}"

    def attempt(self, attempt: Attempt) -> None:
        """Nothing to add: `step` has moved the bar."""

    def close(self) -> None:
        """End the bar, and say in a line what the search came to."""
        if self._bar is None:
            return
        spent = self._bar.close()
        self._bar = None
        done = f"{self._done} trainings in {spent:.0f} s{self._most}"
        self.console.print(f"Searched: {done}{self._best_text}{self._ended}", markup=False)

    @property
    def _best_text(self) -> str:
        return "" if self._best is None else f", best validation score {self._best:.3f}"

    def _show(self) -> None:
        if self._bar is None:
            return
        of = f" {self._at} of {self._of}" if self._stage in COUNTED or self._stage not in STAGES else ""
        best = "" if self._stage not in JUDGED else self._best_text.lstrip(", ")
        self._bar.show(f"{STAGES.get(self._stage, self._stage)}{of}", f"{self._done} trained", best)

    def advice(self, lines: str | None, stuck: bool = False) -> None:
        """Print what may be worth a try."""
        if lines is not None:
            start = "No fix was proven." if stuck else "It learns all the same."
            self.console.print(f"{start} What may be worth a try, measured by nobody:", markup=False)
            self.console.print(lines, markup=False, soft_wrap=True)

    def conclusion(self, text: str, proof: Proof | None = None, changes: Sequence[Change] = ()) -> None:
        """Print what came of it, with the table of changes where there is a fix."""
        self.close()
        self.console.print(text, markup=False)
        if changes and proof is not None:
            table = Table("remedy", "before", "after", "alone", "without it", box=SIMPLE_HEAD)
            for change in changes:
                table.add_row(
                    change.remedy, change.before, change.after, signed(change.alone), signed(minus(change.without))
                )
            self.console.print(table)

    def where(self, url: str | None, store: str | None) -> None:
        """Say where the run is; the last line is a command that shows it, or the address of a server.

        Args:
            url: Of the run; None where nothing was logged.
            store: The tracking URI that the command needs beside it, or None.
        """
        if url is None:
            return
        self.console.print(f"Logged as {url}", markup=False, soft_wrap=True)
        if store is not None:
            self.console.print(f"Look at it with: {command()}{store} ui", markup=False, soft_wrap=True)


def _console(quiet: bool) -> Console:
    """Return a console on standard output; in a notebook plain lines, which a browser breaks where they are long."""
    if in_notebook():
        return Console(file=sys.stdout, force_jupyter=False, quiet=quiet, highlight=False, width=NOTEBOOK_WIDTH)
    # A terminal would break words at its edge; in a pipe or a file lines stay whole.
    return Console(quiet=quiet, highlight=False, soft_wrap=not Console().is_terminal)


def command() -> str:
    """Return how the `remedy` command is called in this shell."""
    return "remedy" if shutil.which("remedy") else f"{sys.executable} -m remedy"
