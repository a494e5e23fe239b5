"""The shape of the house: one slug in three places, small rooms, light imports."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from remedy import registry

ROOT = Path(__file__).parent.parent
CLASSES = [*registry.detector_classes(), *registry.remedy_classes()]


@pytest.mark.parametrize("cls", [c for c in CLASSES if c.__module__.startswith("remedy.")], ids=lambda c: c.name)
def test_every_detector_and_remedy_has_a_test_file_of_its_slug(cls):
    kind = "detectors" if hasattr(cls, "code") else "remedies"
    assert (ROOT / "tests" / kind / f"test_{cls.name.replace('-', '_')}.py").exists()


def test_no_room_outgrows_its_size():
    big = {p.name: n for p in ROOT.glob("remedy/**/*.py") if (n := len(p.read_text().splitlines())) > 360}
    assert not big


def test_the_generated_catalogue_in_the_docs_is_up_to_date():
    from remedy.catalogue import catalogue

    assert (ROOT / "docs" / "catalogue.md").read_text() == catalogue(), "run `make docs`"


def _fastest(command, runs=3):
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - began)
    return min(times)


@pytest.mark.timing
def test_importing_remedy_takes_under_a_third_of_a_second_more_than_python_itself():
    bare = _fastest([sys.executable, "-c", "pass"])
    assert _fastest([sys.executable, "-c", "import remedy"]) - bare < 0.3


def test_importing_remedy_imports_no_keras_mlflow_or_optuna():
    code = "import remedy, sys; print([m for m in ('keras', 'tensorflow', 'mlflow', 'optuna') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.timing
def test_help_answers_in_half_a_second():
    assert _fastest([sys.executable, "-m", "remedy", "--help"]) < 0.5
