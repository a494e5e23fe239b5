"""The template plugin takes the road that built-ins take: installed, found, checked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from remedy import Remedy, testing
from remedy.errors import NotApplicable
from remedy.testing import contracts

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


BROKEN_IN_PART = '''
from remedy import Detector, Evidence, Finding


class LateLesson(Detector):
    """What it sees: the loss. Why it matters: a test. What helps: nothing. Source: this test."""

    code, name = "QQQ901", "late-lesson"
    fires_on = (Evidence(loss=(1.0,)),)
    silent_on = (Evidence(loss=(0.1,)),)

    def detect(self, loss):
        return Finding("1 epoch") if loss[-1] > 0.5 else None
'''


def test_a_plugin_with_one_broken_module_keeps_the_others_and_training_goes_on(tmp_path):
    package, info = tmp_path / "halfway", tmp_path / "halfway-1.0.dist-info"
    package.mkdir()
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: halfway\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[remedy.plugins]\nhalfway = halfway\n")
    (package / "__init__.py").touch()
    (package / "astray.py").write_text("import no_such_package\n")
    (package / "late_lesson.py").write_text(BROKEN_IN_PART)
    done = subprocess.run(
        [sys.executable, "-m", "remedy", "catalogue", "--markdown"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "halfway.astray of the plugin 'halfway' cannot be imported" in done.stderr
    assert "No module named 'no_such_package'" in done.stderr
    assert "## QQQ, of a plugin" in done.stdout
    assert "### QQQ901 late-lesson" in done.stdout
    assert "GEN403" in done.stdout


def test_a_remedy_whose_usual_dose_applies_to_nothing_breaks_the_contract():
    class IdleHands(Remedy):
        name, usual = "idle-hands", {}

        def apply(self, recipe, dataset, **dose):
            raise NotApplicable("there is never anything to do")

    with pytest.raises(AssertionError, match=r"no usual dose of idle-hands applies to its specimen"):
        contracts._purity(IdleHands)


def test_a_broken_module_is_left_out_of_a_catalogue_and_breaks_a_contract_test(tmp_path, monkeypatch):
    (tmp_path / "astray").mkdir()
    (tmp_path / "astray" / "__init__.py").touch()
    (tmp_path / "astray" / "lost.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        testing.contract_tests("astray")
