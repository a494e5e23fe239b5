"""Real MLflow servers for the tests: over SQLite, over PostgreSQL, and one that asks for a password.

Every server is started once a session (and once a worker of pytest-xdist), on a free port of the loopback, with its
artifacts behind its proxy. The fixtures start it again where a test has killed it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests

START = 240.0
"""Seconds until a server has to answer: ten on a free core."""

ADMIN, PASSWORD = "admin", "a-password-of-the-tests"
"""Who may use `auth_server`."""

# Below the ports that the kernel gives to outgoing connections; every process of the tests begins elsewhere.
_ports = itertools.count(20_000 + os.getpid() * 61 % 10_000)


def free_port() -> int:
    """Return a port of the loopback that nobody listens on, another one at every call."""
    for port in _ports:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


def clean_environment(**more: str) -> dict[str, str]:
    """Return this process' environment without anything of MLflow's, and ``more``."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")} | more


class Server:
    """An ``mlflow server`` in a process of its own; address and store stay the same when it is started again.

    Attributes:
        uri: What `mlflow.set_tracking_uri` takes.
        log: The file with everything that it says.
    """

    def __init__(self, folder: Path, backend: str, *options: str, **environment: str) -> None:
        """Prepare a server on a backend store; artifacts lie in ``folder``."""
        port = free_port()
        self.uri, self.log = f"http://127.0.0.1:{port}", folder / "server.log"
        artifacts = ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
        at = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        store = ["--backend-store-uri", backend]
        self._command = [sys.executable, "-m", "mlflow", "server", *store, *artifacts, *at, *options]
        self._environment = clean_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", **environment)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self.alive:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # The server has children, which end with it.
            )
        until = time.monotonic() + START
        while not self._answers():
            if not self.alive or time.monotonic() > until:
                self.stop()
                raise AssertionError(f"The server did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.uri}/health", timeout=2).ok
        except requests.RequestException:
            return False

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End it and its children; at once unless told otherwise, as a machine that goes down does."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        self._process.wait(20)


def _postgres(program: str) -> Path | None:
    """Return where a program of PostgreSQL lies; Debian keeps them out of the PATH."""
    found = shutil.which(program)
    if found:
        return Path(found).resolve()
    lying = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda p: int(p.parts[-3].split(".")[0]))
    return lying[-1] if lying else None


@contextmanager
def postgres() -> Iterator[str]:
    """Make an empty PostgreSQL in a temporary folder; give its URI.

    PostgreSQL refuses to run as root, so the user that Debian's package makes for it runs it then.
    """
    initdb, control = _postgres("initdb"), _postgres("pg_ctl")
    if initdb is None or control is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    # Not below pytest's folder, which is for its owner alone; and the path of a socket has to be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    who: dict[str, object] = {}
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "postgres", "postgres")
        except LookupError:
            pytest.skip("PostgreSQL refuses to run as root, and there is no user called postgres")
        who = {"user": "postgres", "group": "postgres", "extra_groups": []}
    data, port = folder / "data", free_port()

    def do(*command: str | Path) -> None:
        with (folder / "said.log").open("a") as said:
            done = subprocess.run(command, cwd=folder, stdout=said, stderr=said, check=False, **who)
        if done.returncode:
            logs = "\n".join(p.read_text()[-2000:] for p in folder.glob("*.log"))
            raise AssertionError(f"{command} failed:\n{logs}")

    try:
        do(initdb, "-D", data, "-U", "remedy", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")
        at = f"-h 127.0.0.1 -p {port} -k {folder} -F"  # -F: no fsync
        do(control, "-D", data, "-l", folder / "postgres.log", "-w", "-o", at, "start")
        try:
            yield f"postgresql+psycopg2://remedy@127.0.0.1:{port}/postgres"
        finally:
            do(control, "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _over_sqlite(folder: Path) -> Iterator[Server]:
    yield Server(folder, f"sqlite:///{folder}/mlflow.db")


@contextmanager
def _over_postgres(folder: Path) -> Iterator[Server]:
    pytest.importorskip("psycopg2", reason="the driver psycopg2 is not installed")
    with postgres() as uri:
        yield Server(folder, uri)


@contextmanager
def _with_password(folder: Path) -> Iterator[Server]:
    pytest.importorskip("flask_wtf", reason="MLflow's basic auth needs mlflow[auth]")
    settings = folder / "auth.ini"
    settings.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/auth.db\n"
        f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\nauth_cache_ttl_seconds = 60\n"
    )
    auth = {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the tests"}
    yield Server(folder, f"sqlite:///{folder}/mlflow.db", "--app-name", "basic-auth", **auth)


KINDS = {"sqlite": _over_sqlite, "postgres": _over_postgres, "auth": _with_password}


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """``servers(kind)`` gives the session's server of a kind (see `KINDS`), started where it does not run."""
    made: dict[str, Server] = {}
    with ExitStack() as stack:

        def server_of(kind: str) -> Server:
            if kind not in made:
                made[kind] = stack.enter_context(KINDS[kind](tmp_path_factory.mktemp(f"{kind}-server")))
                stack.callback(made[kind].stop)
            made[kind].start()
            return made[kind]

        yield server_of


@pytest.fixture
def sqlite_server(servers):
    """A server over SQLite that runs."""
    return servers("sqlite")


@pytest.fixture
def postgres_server(servers):
    """A server over PostgreSQL that runs."""
    return servers("postgres")


@pytest.fixture
def auth_server(servers):
    """A server that asks for `ADMIN` and `PASSWORD`."""
    return servers("auth")
