"""The patch trains what remedy trains: `benchmarks/patches.py` on some of its programs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REMEDIES = ("scale-inputs", "class-weights", "oversampling", "swap-activation", "simplify-architecture")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["class ids", "an output by name", "a tf.data stream"])
def test_a_pasted_patch_scores_what_the_treated_recipe_scores(kind):
    command = [sys.executable, str(ROOT / "benchmarks" / "patches.py"), "--json", "--kinds", kind]
    done = subprocess.run([*command, "--remedies", *REMEDIES], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["patches"] >= len(REMEDIES)
    assert told["differ"] == []
