"""The bar of a search: in a terminal by rich, in a notebook as a line that is written anew."""

from __future__ import annotations

import html
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text


class Bar(Protocol):
    """Shows how a search goes on."""

    def show(self, stage: str, done: str = "", best: str = "") -> None:
        """Say what is done now, how much was done, and the best score so far."""

    def close(self) -> float:
        """End; return the seconds that it stood."""


def bar_for(console: Console, seconds: float | None) -> Bar:
    """Return a bar for a search of so many seconds at most; None for no limit."""
    if in_notebook() and not console.quiet:
        return NotebookBar(seconds)
    return TerminalBar(console, seconds)


def in_notebook() -> bool:
    """Say whether this runs in a kernel that shows HTML."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


class TerminalBar:
    """A line at the bottom of a terminal, gone at the end; where the output is no terminal nothing is shown."""

    def __init__(self, console: Console, seconds: float | None) -> None:
        """Begin."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            TextColumn("{task.fields[done]}", table_column=Column(no_wrap=True)),
            _Elapsed(seconds),
            TextColumn("{task.fields[best]}"),
            console=console,
            transient=True,
            disable=console.quiet or not console.is_terminal,
        )
        self._began = time.perf_counter()
        self._progress.start()
        self._task = self._progress.add_task("", total=seconds or None, done="", best="")

    def show(self, stage: str, done: str = "", best: str = "") -> None:
        """Write the line anew."""
        spent = time.perf_counter() - self._began
        self._progress.update(self._task, description=stage, completed=spent, done=done, best=best)

    def close(self) -> float:
        """Take the line away; return the seconds that it stood."""
        self._progress.stop()
        return time.perf_counter() - self._began


class _Elapsed(ProgressColumn):
    """The seconds of a search, of all that it may take."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._most = f" of {seconds:.0f} s" if seconds else " s"

    def render(self, task: Task) -> Text:
        """Return "12 of 60 s"."""
        return Text(f"{task.elapsed or 0.0:.0f}{self._most}")


class NotebookBar:
    """A line of HTML that is written anew after every training; no widgets are needed."""

    def __init__(self, seconds: float | None) -> None:
        """Begin."""
        self._seconds, self._began = seconds, time.perf_counter()
        self._handle: Any = None

    def show(self, stage: str, done: str = "", best: str = "") -> None:
        """Write the line anew."""
        from IPython.display import HTML, display

        spent = time.perf_counter() - self._began
        of = f" of {self._seconds:.0f}" if self._seconds else ""
        bar = f'<progress value="{spent:.1f}" max="{self._seconds:.0f}"></progress> ' if self._seconds else ""
        said = ", ".join(part for part in (stage, done, f"{spent:.0f}{of} s", best) if part)
        line = HTML(f"<div>{bar}{html.escape(said)}</div>")
        if self._handle is None:
            self._handle = display(line, display_id=True)
        else:
            self._handle.update(line)

    def close(self) -> float:
        """Empty the line; return the seconds that it stood."""
        from IPython.display import HTML

        if self._handle is not None:
            self._handle.update(HTML(""))
        return time.perf_counter() - self._began
