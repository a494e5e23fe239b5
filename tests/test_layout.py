"""The shape of the house: one slug in three places, small rooms, light imports."""

import importlib
import re
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
    file = f"tests/{kind}/test_{cls.name.replace('-', '_')}.py"
    assert (ROOT / file).exists(), f"{cls.__name__} has no test: write {file}"


def test_no_room_outgrows_its_size():
    big = {p.name: n for p in ROOT.glob("remedy/**/*.py") if (n := len(p.read_text().splitlines())) > 335}
    assert not big, "split these rooms: a reader holds about 300 lines in mind"


def test_every_room_has_its_line_in_contributing():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = [p.name + "/" if p.is_dir() else p.name for p in (ROOT / "remedy").iterdir()]
    rooms = [room for room in rooms if room not in ("__init__.py", "py.typed", "__pycache__/", "templates/")]
    told = set(re.findall(r"`([^`]+)`", "\n".join(line.split("|")[1] for line in text.splitlines() if line[:1] == "|")))
    assert set(rooms) == told & set(rooms), f"without a line: {sorted(set(rooms) - told)}"
    assert {name for name in told if name[-1] == "/" or name.endswith(".py")} <= set(rooms)


PUBLIC = {
    "remedy": "Comparison Detector Diagnosis Evidence Examination Finding Fix Prescription Recorder Remedy RemedyError "
    "RemedyWarning Result Search __version__ autolog compare diagnose fit tune",
    "remedy.testing": "ScriptedEngine check_patch check_patches check_rewritten check_saved check_unchanged "
    "contract_tests specimen",
    "remedy.detectors": "Detector Evidence Finding DeadUnits MajorityCollapse",
    "remedy.remedies": "Dataset NotApplicable Recipe Remedy ClipGradients ScaleInputs",
    "remedy.errors": "DataMismatch InvalidInput ModelError NotApplicable NotFound PluginError RemedyError RemedyWarning "
    "StoreError Untrainable",
}
"""What people import; a name may be added here, and none may be taken away."""


@pytest.mark.parametrize("module", PUBLIC)
def test_no_public_name_is_lost(module):
    room = importlib.import_module(module)
    assert [name for name in PUBLIC[module].split() if not hasattr(room, name)] == []


def test_every_detector_and_remedy_is_found_by_its_class_name():
    for cls in CLASSES:
        if cls.__module__.startswith("remedy."):
            room = importlib.import_module(cls.__module__.rpartition(".")[0])
            assert getattr(room, cls.__name__) is cls


def test_the_generated_catalogue_in_the_docs_is_up_to_date():
    from remedy.catalogue import catalogue

    assert (ROOT / "docs" / "catalogue.md").read_text() == catalogue(), "run `make catalogue`"


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
