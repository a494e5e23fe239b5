"""The reported programs as a user runs them, small: the symptom shows, what is wrong is named, and a repair is found."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .servers import clean_environment

ROOT = Path(__file__).parents[1]


def _told(program, folder):
    # More time than --quick gives: on a busy machine no repair is lost for want of it.
    command = [sys.executable, str(ROOT / "examples" / f"{program}.py"), "--quick", "--json", "--timeout", "80"]
    done = subprocess.run(command, cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("program", "epoch", "named", "before", "after"),
    [
        pytest.param(
            "radio", 4, {"constant-output", "too-deep-without-normalization"}, 1 / 3, 0.5, marks=pytest.mark.slow
        ),
        pytest.param("photos", 6, {"unscaled-input", "dead-units"}, 1 / 3, 0.6, marks=pytest.mark.slow),
        pytest.param(
            "volumes", 0, {"sorted-validation-split", "shallow-residual-branch"}, None, 0.6, marks=pytest.mark.slow
        ),
    ],
)
def test_a_reported_program_is_caught_named_and_fixed(program, epoch, named, before, after, tmp_path):
    told = _told(program, tmp_path)
    assert told["stuck"]
    assert told["stuck_epoch"] <= epoch
    assert named <= set(told["diagnoses"])
    assert before is None or told["balanced_accuracy_before"] == pytest.approx(before, abs=0.02)
    assert told["prescription"] is not None, told["conclusion"]
    assert told["balanced_accuracy_after"] > max(after, told["balanced_accuracy_before"])


@pytest.mark.slow
def test_metrics_that_cannot_tell_are_named_before_training_and_shown_with_a_class(tmp_path):
    told = _told("metrics", tmp_path)
    assert {"class-blind-metrics", "extreme-batch-size"} <= set(told["diagnoses"])
    assert told["balanced_accuracy_after"] > 0.9
    assert "macro_f1" in told["patch"]
    assert told["advised_seconds"] < told["author_seconds"]
