"""Run the core of the tests under every Python that is here, with the newest and with the oldest releases allowed.

    python tests/matrix.py                       # make matrix
    python tests/matrix.py --only 3.12           # one interpreter
    python tests/matrix.py --only lowest         # Python 3.11 with the lowest versions of pyproject.toml

Interpreters are looked for on PATH and in pyenv's folder. Each gets an environment of its own in .make/matrix.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".make" / "matrix"
VERSIONS = ("3.11", "3.12", "3.13")
CORE = (
    "tests/test_api.py",
    "tests/test_autolog.py",
    "tests/test_compare.py",
    "tests/test_diagnosis.py",
    "tests/test_internals.py",
    "tests/test_loop.py",
    "tests/test_recipe.py",
    "tests/test_slips.py",
    "tests/test_streams.py",
    "tests/test_model_registry.py",
)
"""Tests that touch what a release of Keras, MLflow or Optuna can move; under five minutes an interpreter."""


def interpreters() -> dict[str, Path]:
    """Return the interpreters that are here, by version."""
    places = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep)]
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places += sorted(home.glob("versions/*/bin"), reverse=True)
    found: dict[str, Path] = {}
    for version in VERSIONS:
        for place in places:
            python = place / f"python{version}"
            if version not in found and python.exists() and _is(python, version):
                found[version] = python
    return found


def _is(python: Path, version: str) -> bool:
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    says = subprocess.run([python, "-c", code], capture_output=True, check=False)
    return says.stdout.decode().strip() == version


def lowest() -> list[str]:
    """Return the lowest releases that pyproject.toml promises, pinned."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return [re.sub(r"\s*>=\s*([^,;]+).*", r"==\1.*", line) for line in wanted]


def run(name: str, python: Path, pins: list[str]) -> tuple[bool, float]:
    """Install and test in an environment of its own; say whether it passed, and the seconds of the tests."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", folder], check=True)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    tools = ["pytest", "pytest-xdist", "hypothesis", "playwright", "psycopg2-binary", "nbclient", "ipykernel"]
    subprocess.run([*pip, f"{ROOT}", *tools, *pins], check=True)
    began = time.perf_counter()
    command = [folder / "bin" / "python", "-m", "pytest", *CORE, "-m", "not slow and not timing", "-n", "2", "-q"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    return done.returncode == 0, time.perf_counter() - began


def main() -> None:
    """Run what is here, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", help="versions such as 3.12, or lowest; default: all that are here")
    args = parser.parse_args()
    found = interpreters()
    jobs = [(version, python, []) for version, python in found.items()]
    if "3.11" in found:
        jobs.append(("lowest", found["3.11"], lowest()))
    jobs = [job for job in jobs if args.only is None or job[0] in args.only]
    told = [(name, *run(name, python, pins)) for name, python, pins in jobs]
    for name, passed, seconds in told:
        print(f"{name:<8} {'passed' if passed else 'FAILED'} {seconds:.0f} s")
    for version in VERSIONS:
        if version not in found:
            print(f"{version:<8} not here")
    sys.exit(0 if told and all(passed for _, passed, _ in told) else 1)


if __name__ == "__main__":
    main()
