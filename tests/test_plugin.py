"""The template plugin takes the road that built-ins take: installed, found, checked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).parent.parent / "plugins" / "remedy-template"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment in which the template plugin is installed, beside everything else."""
    folder = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "plugin"
    import shutil

    shutil.copytree(TEMPLATE, source)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*command, str(folder), str(source)], check=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


def test_an_installed_plugin_stands_in_the_catalogue(installed):
    command = [sys.executable, "-m", "remedy", "catalogue", "--json"]
    done = subprocess.run(command, env=installed, check=True, capture_output=True, text=True)
    row = next(row for row in json.loads(done.stdout) if row["code"] == "OPT901")
    assert row["remedies"] == ["smaller-batch"]


@pytest.mark.slow
def test_the_contract_test_of_the_plugin_passes(installed):
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(TEMPLATE / "tests")]
    done = subprocess.run(command, env=installed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "11 passed" in done.stdout


def test_the_template_is_a_plugin_in_under_a_hundred_lines():
    lines = sum(len(p.read_text().splitlines()) for p in TEMPLATE.rglob("*.py"))
    assert lines < 100


def test_a_broken_plugin_costs_a_warning_and_not_the_catalogue(tmp_path):
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[remedy.plugins]\nbroken = no_such_package\n")
    done = subprocess.run(
        [sys.executable, "-m", "remedy", "catalogue"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "GEN403" in done.stdout
    assert "'broken' (no_such_package) cannot be imported" in done.stderr
