"""A watched training is the training: `benchmarks/equality.py`, some of its kinds here and the others where time is."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "kind",
    [
        *(
            pytest.param(kind, marks=pytest.mark.slow)
            for kind in (
                "own_fit",
                "shuffled_tf_data",
                "counting_layer",
                "random_py_dataset",
                "recurrent_dropout",
                "named_tuple_targets",
            )
        ),
    ],
)
def test_a_watched_program_ends_as_keras_alone_ends_it(kind):
    command = [sys.executable, str(ROOT / "benchmarks" / "equality.py"), "--json", "--kinds", kind]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    assert told["differs"] == {}
    assert told["equal"] >= 1
