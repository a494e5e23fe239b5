"""A watched training is the training: `benchmarks/equality.py` on some of its kinds."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
KINDS = [
    "shuffled_tf_data",
    "random_py_dataset",
    "counting_layer",
    "recurrent_dropout",
    "own_fit",
    "named_tuple_targets",
]


def test_streams_counters_random_layers_and_overridden_fits_end_as_keras_alone_ends_them():
    command = [sys.executable, str(ROOT / "benchmarks" / "equality.py"), "--json", "--kinds", *KINDS]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told["differs"] == {}
    assert told["equal"] >= len(KINDS)
