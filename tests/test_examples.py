"""The examples, small, as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_the_ecg_net_is_caught_named_and_fixed(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    command = [sys.executable, str(EXAMPLES / "ecg.py"), "--quick", "--json"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "SIMULATED" in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["stuck_epoch"] <= 8
    assert {"majority-collapse", "unscaled-input", "class-imbalance", "batchnorm-lag"} <= set(told["diagnoses"])
    assert abs(told["balanced_accuracy_before"] - 1 / 3) < 0.01
    assert told["balanced_accuracy_after"] > 0.6


def test_simulated_beats_are_labelled_raw_and_the_same_for_a_seed():
    sys.path.insert(0, str(EXAMPLES))
    try:
        from beats import simulate
    finally:
        sys.path.pop(0)
    X, y, subject = simulate(seed=1, seconds=4.0, windows=60)
    again, _, _ = simulate(seed=1, seconds=4.0, windows=60)
    assert (again == X).all()
    assert X.shape == (60, 360)
    assert X.dtype == "int16"
    assert 700 < X.mean() < 1200
    assert set(y) == {0, 1, 2}
    assert len(set(subject)) > 10
