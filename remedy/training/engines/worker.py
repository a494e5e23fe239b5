"""A process that trains for the process engine, seen from both ends: `Worker` is the driver's, `serve` its own.

Processes are spawned and stay: starting one costs ten seconds, most of it for importing Keras. They
read the rows from a memory-mapped file, so all of them share one copy.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle

from remedy.doors import quiet_start
from remedy.training.engines._base import Job
from remedy.training.runtime import rare_collections

ROWS = "rows.joblib"
"""File of the dataset in the engine's folder."""


class Worker:
    """A process, and what it has in memory.

    Attributes:
        keys: Names of the trainings that it can go on with.
        traces: Graphs that it has compiled.
        forgotten: Trainings that it is told to forget with the next call.
        busy: Whether an answer is awaited.
        ready: Whether it has answered before: until then it may still be importing Keras.
    """

    def __init__(self, folder: Path, setting: bytes, environment: Mapping[str, str]) -> None:
        """Start the process; it gets ready by itself.

        Args:
            folder: Holds the rows.
            setting: Pickled scorer, detectors and Keras' global settings.
            environment: Variables that are set before Keras is imported.
        """
        self._arguments = (str(folder), setting, dict(environment))
        self._start()

    def _start(self) -> None:
        self.keys: set[str] = set()
        self.traces: set[str] = set()
        self.forgotten: list[str] = []
        self.busy = self.ready = False
        spawn = multiprocessing.get_context("spawn")
        self.door, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs, *self._arguments), daemon=True)
        with _without_main():
            self._process.start()
        theirs.close()  # So that the end of the process closes the pipe.

    @property
    def pid(self) -> int | None:
        """Process id."""
        return self._process.pid

    def call(self, name: str, *arguments: Any) -> None:
        """Ask for a method of the engine in the process; its answer is waited for with `answer`.

        Raises:
            EOFError: The process has died.
        """
        self.busy = True
        message = cloudpickle.dumps((self.forgotten, name, arguments))
        self.forgotten = []
        try:
            self.door.send_bytes(message)
        except OSError as error:
            raise EOFError from error

    def answer(self, within: float | None = None) -> Any:
        """Wait for the answer of the last call.

        Args:
            within: Seconds to wait; None without a limit.

        Raises:
            EOFError: The process has died.
            TimeoutError: It has not answered: it hangs, or was stopped.
        """
        try:
            if within is not None and not self.door.poll(max(0.0, within)):
                raise TimeoutError
            found = cloudpickle.loads(self.door.recv_bytes())
        except TimeoutError:
            raise
        except OSError as error:
            raise EOFError from error
        self.busy, self.ready = False, True
        return found

    def restart(self) -> int | None:
        """Put a new process in the place of one that has died; return the exit code of that."""
        self.stop()
        code = self._process.exitcode
        self._start()
        return code

    def stop(self) -> None:
        """End the process."""
        self.door.close()
        self._process.kill()
        self._process.join()


def serve(door: Connection, folder: str, setting: bytes, environment: Mapping[str, str]) -> None:
    """Answer calls until the driver is gone.

    Args:
        door: Where calls come in.
        folder, setting, environment: As `Worker` got them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle.
    os.environ.update(environment)
    threading.Thread(target=_end_with_driver, args=(Path(folder),), daemon=True).start()
    try:
        with quiet_start(always=True):
            engine = _engine(Path(folder), setting)
        with rare_collections():
            while True:
                forgotten, name, arguments = cloudpickle.loads(door.recv_bytes())
                for key in forgotten:
                    engine.forget(key)
                arguments = [_by_own_clock(argument, engine) for argument in arguments]
                door.send_bytes(cloudpickle.dumps(getattr(engine, name)(*arguments)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _end_with_driver(folder: Path) -> None:
    """Wait until the driver is gone, however it ended; then take the copy of the rows along, whatever goes on here."""
    driver = multiprocessing.parent_process()
    if driver is not None:
        wait([driver.sentinel])
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


def _engine(folder: Path, setting: bytes) -> Any:
    import joblib
    import keras

    from remedy.training.engines.inline import InlineEngine

    scorer, detectors, config = cloudpickle.loads(setting)
    keras.config.set_floatx(config["floatx"])
    keras.config.set_image_data_format(config["image_data_format"])
    return InlineEngine(joblib.load(folder / ROWS, mmap_mode="r"), scorer, detectors)


def _by_own_clock(argument: Any, engine: Any) -> Any:
    """Turn the time of day at which a job must end into one of this engine's clock."""
    if not isinstance(argument, Job) or argument.deadline is None:
        return argument
    return replace(argument, deadline=engine.clock() + argument.deadline - time.time())


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the user's script: a spawned process would run it again where it has no ``if __name__ == "__main__"``."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script
