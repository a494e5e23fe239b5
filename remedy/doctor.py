"""`remedy doctor` and `remedy ui`: what is installed here, and MLflow's UI on the store."""

from __future__ import annotations

import platform
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from importlib.metadata import PackageNotFoundError, version

from remedy._version import __version__
from remedy.errors import InvalidInput

SERVER_START = 4.0
"""Seconds until MLflow's server answers; the browser is opened then."""

PACKAGES = ("keras", "tensorflow", "jax", "torch", "mlflow", "optuna", "scikit-learn", "imbalanced-learn", "numpy")


def check_up() -> dict[str, str]:
    """Return versions, backend, devices, plugins and the state of the store."""
    found = {"remedy": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    import keras

    from remedy import registry
    from remedy.errors import StoreError
    from remedy.reporting.environment import device
    from remedy.tracking import connection

    found["backend"] = str(keras.backend.backend())
    found["device"] = device()
    counts = f"{len(registry.detector_classes())} detectors, {len(registry.remedy_classes())} remedies"
    plugins = ", ".join(registry.plugin_names())
    found["catalogue"] = f"{counts}{f', plugins: {plugins}' if plugins else ''}"
    try:
        uri = connection.use_default_store()
        found["store"] = connection.shown(uri)
        connection.require_reachable(uri)
        found["store reachable"] = "yes"
    except StoreError as error:
        found["store reachable"] = f"no: {error}"
    return found


def serve_ui(host: str, port: int, browser: bool) -> int:
    """Run ``mlflow ui`` on the store until it is stopped; return its exit code."""
    from remedy.tracking import connection

    uri = connection.use_default_store()
    page = f"http://{host}:{port}/#/experiments?workflowType=machine_learning"
    if uri.startswith("http"):
        page = f"{uri.rstrip('/')}/#/experiments?workflowType=machine_learning"
        print(f"The store is a server already: {connection.shown(page)}")
        if browser:
            webbrowser.open(page)
        return 0
    with socket.socket() as taken:
        taken.settimeout(1.0)
        if taken.connect_ex((host, port)) == 0:
            raise InvalidInput(
                f"Something answers on {host}:{port} already. Give another port: remedy ui --port {port + 1}"
            )
    print(f"{connection.shown(uri)}\n{page}  (Ctrl-C ends it)")
    if browser:
        opening = threading.Timer(SERVER_START, webbrowser.open, [page])
        opening.daemon = True
        opening.start()
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", host, "--port", str(port)]
    command += ["--workers", "1"]  # For one reader; each worker imports MLflow before the page is there.
    server = subprocess.Popen(command)
    try:
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())  # Who ends remedy ends its server.
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        server.terminate()
        server.wait()
