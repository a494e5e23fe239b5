"""Who is told that a run is stuck: a command, a web address. What goes wrong there is one line, never an exception."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from remedy.errors import InvalidInput

VARIABLES = {
    "REMEDY_RUN_ID": "run_id",
    "REMEDY_CAUSE": "cause",
    "REMEDY_CODE": "code",
    "REMEDY_MESSAGE": "message",
    "REMEDY_RUN_URL": "run_url",
}
"""Environment variables of a command, and the fact that each of them holds."""


class Command:
    """A program that is started with the facts in its environment and as JSON on its standard input.

    No shell reads it: pipes and variables need ``sh -c '...'``. What it prints is dropped.
    """

    def __init__(self, text: str, seconds: float = 60.0) -> None:
        """Split a command line as a shell does.

        Args:
            text: The command line.
            seconds: It is killed when it has not ended by then.

        Raises:
            InvalidInput: Nothing to start, or a quote that is not closed.
        """
        try:
            self.words = shlex.split(text)
        except ValueError as error:
            raise InvalidInput(f"--on-stuck {text!r} is no command ({error}). Close the quote.") from error
        if not self.words or shutil.which(self.words[0]) is None:
            name = self.words[0] if self.words else text
            raise InvalidInput(f"--on-stuck {text!r}: there is no program {name!r}. Give its path, made executable.")
        self.seconds = seconds

    def send(self, facts: Mapping[str, Any]) -> str | None:
        """Run the command; return what went wrong in one line, or None."""
        told = {name: str(facts.get(key) or "") for name, key in VARIABLES.items()}
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(_json(facts).encode())
            given.seek(0)
            try:
                # Files and a session of its own: a grandchild that holds a pipe open cannot make the watch wait.
                process = subprocess.Popen(
                    self.words,
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    env=os.environ | told,
                    start_new_session=True,
                )
            except OSError as error:
                return f"The command {self.words[0]} could not be started: {error.strerror or error}."
            try:
                code = process.wait(self.seconds)
            except subprocess.TimeoutExpired:
                return f"The command {self.words[0]} did not end within {self.seconds:g} s and was killed."
            finally:
                if process.poll() is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            if code == 0:
                return None
            said.seek(0)
            lines = said.read().decode(errors="replace").strip().splitlines()
            return f"The command {self.words[0]} ended with code {code}{f': {lines[-1][:200]}' if lines else ''}."


class Webhook:
    """An address that gets the facts by POST, as JSON."""

    def __init__(self, url: str, seconds: float = 10.0, tries: int = 3, pause: float = 0.5) -> None:
        """Check the address.

        Args:
            url: With scheme (http or https) and host.
            seconds: Longest wait for a connection, and for an answer.
            tries: Requests in all where the server is down or answers with an error of its own (5xx).
            pause: Seconds before the second request; twice as long before each further one.

        Raises:
            InvalidInput: The address has no scheme or no host.
        """
        try:
            parts = urlsplit(url)
            fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fine = False
        if not fine:
            raise InvalidInput(f"--webhook {url!r} is no address; it must look like https://host/path.")
        self.url, self.seconds, self.tries, self.pause = url, seconds, tries, pause
        self.host = parts.netloc.rpartition("@")[2]

    def send(self, facts: Mapping[str, Any]) -> str | None:
        """Post the facts; return what went wrong in one line, or None."""
        import requests

        wrong = ""
        for attempt in range(self.tries):
            if attempt:
                time.sleep(self.pause * 2 ** (attempt - 1))
            try:
                answer = requests.post(
                    self.url,
                    data=_json(facts),
                    headers={"Content-Type": "application/json"},
                    timeout=self.seconds,
                    allow_redirects=False,  # Where the facts go is the user's choice, not a server's.
                )
            except requests.ReadTimeout:
                # It has the facts perhaps: told twice is worse than a missing answer.
                return f"The webhook at {self.host} did not answer within {self.seconds:g} s."
            except requests.RequestException as error:
                wrong = f"The webhook at {self.host} cannot be reached ({type(error).__name__})."
                continue
            if 300 <= answer.status_code < 400:
                return f"The webhook at {self.host} sends elsewhere ({answer.status_code}), which is not followed."
            if answer.ok:
                return None
            wrong = f"The webhook at {self.host} answered {answer.status_code} {answer.reason}.".replace(" .", ".")
            if answer.status_code < 500:
                break
        return wrong


def _json(facts: Mapping[str, Any]) -> str:
    return json.dumps(dict(facts), default=str)
