"""The ECG example on a GPU, as its author sized it: seconds, device and scores, one JSON line a run.

    python benchmarks/ecg_gpu.py --data mitbih_30s_90hz.npz --backends jax torch --timeout 120

Runs `examples/ecg.py --full` (filters 128 and 256) once per backend, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "ecg.py"


def main() -> None:
    """Run the example for every backend and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--backends", nargs="+", default=["jax", "torch"])
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for the search")
    parser.add_argument("--epochs", type=int, default=24)
    args = parser.parse_args()
    for backend in args.backends:
        command = [sys.executable, str(EXAMPLE), "--full", "--json", "--data", str(args.data.resolve())]
        command += ["--timeout", str(args.timeout), "--epochs", str(args.epochs)]
        environment = {**os.environ, "KERAS_BACKEND": backend}
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                print(json.dumps({"backend": backend, "error": done.stderr[-1500:]}))
                continue
            device = _device(folder)
        print(
            json.dumps({"backend": backend, "device": device, **json.loads(done.stdout.splitlines()[-1])}), flush=True
        )


def _device(folder: str) -> str:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlruns/mlflow.db")
    runs = mlflow.search_runs(
        search_all_experiments=True, filter_string="tags.`remedy.role` = 'fit'", output_format="list"
    )
    return str(runs[0].data.tags["remedy.device"])


if __name__ == "__main__":
    main()
