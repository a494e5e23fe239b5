"""Follows a watch from the shell: prints what is new, tells who is to be told, waits, and ends at Ctrl-C."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape

from remedy.errors import visible
from remedy.monitoring.watch import Event, Watch
from remedy.tracking.timeouts import answer_within

COLORS = {"stuck": "bold red", "note": "yellow", "silent": "magenta", "ended": "dim", "error": "red"}

LONGEST = 300.0
"""Most seconds between two polls of a store that does not answer."""


class Tells(Protocol):
    """What `follow` needs of a command or a webhook."""

    def send(self, facts: dict[str, Any]) -> str | None:
        """Tell; return what went wrong, or None."""


class Lines:
    """Prints events: coloured lines above a live status in a terminal, plain lines elsewhere, or JSON lines."""

    def __init__(self, name: str, as_json: bool = False, console: Console | None = None) -> None:
        """Prepare for an experiment of this name."""
        self._name, self._json = name, as_json
        self._console = console or Console(highlight=False, soft_wrap=True)
        live = self._console.is_terminal and not as_json
        self.status: Any = self._console.status(f"looking at {escape(name)}") if live else nullcontext()

    def event(self, event: Event) -> None:
        """Print one line."""
        if self._json:
            self._plain(json.dumps(event.to_dict()))
            return
        at = time.strftime("%H:%M:%S", time.localtime(event.time))
        run = f" {event.run_name} ({event.run_id})" if event.run_id else ""
        step = "" if event.step is None else f" at step {event.step}"
        cause = f" {event.code} {event.cause}:" if event.code and event.event in ("stuck", "note") else ""
        where = f" {event.run_url}" if event.event == "stuck" and event.run_url else ""
        text = f"{run}{step}{cause} {event.message}{where}"
        self._console.print(f"{at} [{COLORS[event.event]}]{event.event}[/]{escape(visible(text))}")

    def looked(self, watch: Watch) -> None:
        """Renew the status line."""
        if not isinstance(self.status, nullcontext):
            at = time.strftime("%H:%M:%S")
            told = "the store does not answer" if watch.failures else f"{watch.runs} running, {watch.stuck} stuck"
            self.status.update(f"{escape(self._name)}: {told}, last look {at} (Ctrl-C ends it)")

    def summary(self, watch: Watch) -> None:
        """Print what came of it all."""
        if not self._json:
            says = f"{watch.runs} running, {watch.ended} ended, {watch.stuck} stuck"
            self._console.print(escape(f"Watched {self._name}: {says}."))

    def _plain(self, text: str) -> None:
        self._console.file.write(text + "\n")
        self._console.file.flush()


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """Yield what is set at Ctrl-C: an interrupt in a callback of the collector is printed there and never raised."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed  # Only the main thread gets signals.
        return

    def press(number: int, frame: Any) -> None:
        pressed.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def follow(watch: Watch, lines: Lines, tellers: Sequence[Tells] = (), every: float = 10.0, once: bool = False) -> bool:
    """Poll until Ctrl-C, or once.

    Args:
        watch: What is polled.
        lines: What prints.
        tellers: Told of every run that is found stuck.
        every: Seconds between two polls; longer while the store does not answer.
        once: Poll a single time.

    Returns:
        Whether a run is stuck.
    """
    try:
        # MLflow's client would try again for minutes before it says that a server is down.
        with answer_within(30, retries=1), _interrupts() as pressed, lines.status:
            while not pressed.is_set():
                for event in watch.poll():
                    lines.event(event)
                    if event.event == "stuck":
                        _tell(event, tellers, lines)
                lines.looked(watch)
                if once or pressed.is_set():
                    break
                time.sleep(min(every * 2 ** min(watch.failures, 10), max(every, LONGEST)))
    except KeyboardInterrupt:
        pass
    lines.summary(watch)
    return watch.stuck > 0


def _tell(event: Event, tellers: Sequence[Tells], lines: Lines) -> None:
    for teller in tellers:
        wrong = teller.send(event.to_dict())
        if wrong is not None:
            lines.event(Event("error", wrong, event.run_id, event.run_name))
