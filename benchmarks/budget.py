"""How well a search keeps its budget: seconds that it took, over the seconds that it was given.

    python benchmarks/budget.py --timeout 60 --json

Networks of three sizes, on labels that were put in random order, so that no good result ends a search: it goes on as
long as there is time for something that could still be proven. Seconds are those of the search's own run: proofs,
worker processes and pictures are part of it, the training that was found stuck is not. The run fails where a search
takes more than a tenth longer than it was given, or calls something a fix.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import mlflow
import numpy as np
from throughput import PROGRAMS, Program

import remedy

EPOCHS = 12
"""Of the untouched program, so that a training is worth its tracing."""

KEPT = 1.1
"""Most of its budget that a search may take."""


def search_seconds(program: Program, timeout: float, workers: int) -> tuple[float, bool]:
    """Return the seconds of a search that can find nothing, and whether it called something a fix all the same."""
    y = np.random.default_rng(0).permutation(program.y)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("budget", artifact_location=f"file://{folder}/a"))
        result = remedy.fit(
            program.build(1e-9),
            program.X,
            y,
            epochs=EPOCHS,
            batch_size=program.batch_size,
            validation_split=0.2,
            verbose=0,
            log_data=False,
            search=remedy.Search(trials=10**6, timeout=timeout, workers=workers),
        )
        found = mlflow.search_runs(
            search_all_experiments=True, filter_string="tags.`remedy.role` = 'search'", output_format="list"
        )
        if not found:
            raise SystemExit("The program was not found stuck, so there was no search.")
        return (found[0].info.end_time - found[0].info.start_time) / 1000, result.fix is not None


def main() -> None:
    """Search in every program and say what part of the budget it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds of a search")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--only", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    parser.add_argument("--json", action="store_true", help="print one JSON object in the last line")
    args = parser.parse_args()
    if not (args.timeout > 0 and math.isfinite(args.timeout)):
        parser.error("--timeout must be seconds above 0")
    if args.workers < 1:
        parser.error("--workers must be at least 1")
    found: dict[str, Any] = {"timeout": args.timeout, "workers": args.workers}
    for name in args.only:
        seconds, fixed = search_seconds(PROGRAMS[name](), args.timeout, args.workers)
        found[name] = {"seconds": round(seconds, 1), "of_budget": round(seconds / args.timeout, 3), "fix": fixed}
        print(f"{name}: {found[name]}", file=sys.stderr)
    print(json.dumps(found) if args.json else "\n".join(f"{name}: {row}" for name, row in found.items()))
    sys.exit(any(found[name]["of_budget"] > KEPT or found[name]["fix"] for name in args.only))


if __name__ == "__main__":
    main()
