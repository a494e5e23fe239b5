"""What people see in a terminal: one bar, no broken words, short prints, a last line that works."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import remedy
from remedy.diagnosis import Diagnosis
from remedy.reporting import terminal as terminal_module
from remedy.reporting.terminal import Terminal

from .conftest import blobs, dense, sick_program

ROOT = Path(__file__).parent.parent


def test_one_bar_counts_trainings_and_shows_the_best_validation_score_alone(tmp_path):
    screen = (tmp_path / "screen").open("w+")
    told = Terminal(console=Console(file=screen, force_terminal=True, width=80, color_system=None))
    told.begin(40, 30.0)
    told.stage("search", 12)
    told.step("a", 0.5)
    told.step("b", 0.8)
    told.stage("confirm", 6)
    told.step("untouched, seed 1", 0.95)
    told.ended("nothing left to try")
    told.close()
    screen.seek(0)
    seen = " ".join(re.sub(r"\x1b\[[^a-zA-Z]*[a-zA-Z]", "", screen.read()).split())
    assert re.search(r"Searched: 3 trainings in 0 s of 30, best validation score 0.800; ended by nothing left", seen)


@pytest.mark.skipif(shutil.which("script") is None, reason="script(1), which makes a terminal, is not installed")
def test_a_terminal_of_eighty_columns_breaks_lines_between_words(store, tmp_path):
    script = (
        "import remedy\nfrom tests.conftest import sick_program\nmodel, X, y = sick_program()\n"
        "remedy.fit(model, X, y, epochs=6, verbose=0, quiet=False, search=False)\n"
        "from remedy.reporting.terminal import Terminal\n"
        "Terminal().conclusion('Fixed by ' + ' '.join(['class-weights'] * 12))\n"
    )
    (tmp_path / "script.py").write_text(script)
    run = f"COLUMNS=80 PYTHONPATH={ROOT} {sys.executable} {tmp_path / 'script.py'}"
    seen = subprocess.run(["script", "-qec", run, "/dev/null"], capture_output=True, text=True, check=True, cwd=store)
    told = seen.stdout.replace("\r", "").split("Fixed by")[1]
    lines = ("Fixed by" + told).splitlines()
    assert max(map(len, lines)) <= 80
    assert all(set(line.split()) <= {"Fixed", "by", "class-weights"} for line in lines if line.strip())


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """The result of a stuck program, and all that it printed."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(said):
        patched.chdir(tmp_path_factory.mktemp("printed"))
        model, X, y = sick_program()
        search = remedy.Search(trials=4, timeout=30)
        cheap = ["scale-inputs", "class-weights", "learning-rate"]  # None that trains for longer.
        result = remedy.fit(model, X, y, epochs=8, validation_split=0.2, verbose=2, search=search, remedies=cheap)
    return result, said.getvalue()


def test_brackets_in_the_name_of_an_input_are_printed_as_they_are(capsys):
    Terminal().diagnosis(Diagnosis("DAT103", "constant-features", "warning", "'rate [/min]' and 'weight [kg]' rest."))
    assert "'rate [/min]' and 'weight [kg]' rest." in capsys.readouterr().out


def test_a_printed_result_fix_and_examination_have_at_most_twelve_lines(printed):
    result = printed[0]
    assert result.fix is not None
    for shown in (result, result.fix, result.examination, remedy.diagnose(dense(), *blobs())):
        assert len(str(shown).splitlines()) <= 12
        assert len(str(shown)) < 3000


def test_keras_line_of_the_epoch_stands_in_front_of_the_search(printed):
    said = printed[1]
    assert "Searched:" in said
    assert "ms/step" not in said.split("Searched:")[1]


def test_the_last_line_is_a_command_that_serves_the_store_in_use(store, capsys, monkeypatch):
    X, y = blobs()
    remedy.fit(dense(), X, y, epochs=1, verbose=2, search=False)
    assert capsys.readouterr().out.splitlines()[-1].endswith("remedy ui")
    monkeypatch.chdir("/")
    remedy.fit(dense(), X, y, epochs=1, verbose=2, search=False)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.endswith(f"remedy --tracking-uri sqlite:///{store}/mlruns/mlflow.db ui")
    monkeypatch.setattr(terminal_module.shutil, "which", lambda _: None)
    assert terminal_module.command() == f"{sys.executable} -m remedy"


@pytest.mark.parametrize("words", [["--help"], ["catalogue"], ["explain", "scale-inputs"], ["tune"], ["tun"]])
def test_what_only_tells_loads_no_keras(words):
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom remedy.cli import main\n"
        f"CliRunner().invoke(main, {words!r})\nprint([m for m in ('keras', 'tensorflow', 'mlflow') if m in sys.modules])"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW")}
    seen = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_tensorflows_start_up_lines_stay_out_of_the_shell(store, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    seen = subprocess.run([sys.executable, "-m", "remedy", "doctor"], capture_output=True, text=True, check=True)
    assert "store reachable    yes" in seen.stdout
    assert seen.stderr == ""


def test_a_reader_that_stops_early_sees_no_error(store):
    pipe = f"{sys.executable} -m remedy catalogue | head -1"
    seen = subprocess.run(pipe, shell=True, capture_output=True, text=True, check=True)
    assert seen.stdout.startswith("ARC301")
    assert seen.stderr == ""
