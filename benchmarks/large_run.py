"""How long it takes to open and examine a long run that something else logged: `remedy.diagnose(run_id=...)`.

    python benchmarks/large_run.py --points 100000 --json

Writes one run of 20 metrics with bare MLflow (`log_batch`) into a new SQLite store: a loss that falls, its
validation, accuracies, a learning rate and metrics that nobody knows. Then examines it several times in this process
and prints the fastest and the slowest time after the first, which imports what is needed; beside it what MLflow's own
client takes to read the same points.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import mlflow
import numpy as np
from mlflow.entities import Metric

import remedy

METRICS = 20


def main() -> None:
    """Write the run, examine it, and print the seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100_000, help=f"points in all, over {METRICS} metrics")
    parser.add_argument("--rounds", type=int, default=5, help="examinations that are timed")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    args = parser.parse_args()
    if args.points < METRICS or args.rounds < 1:
        parser.error(f"--points must be at least {METRICS}, --rounds at least 1")
    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        found = measured(written(args.points // METRICS), args.rounds)
    if args.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:<24} {value}" for name, value in found.items()))


def written(steps: int) -> str:
    """Log a run of so many steps and return its id."""
    client = mlflow.MlflowClient()
    run_id = str(client.create_run(client.create_experiment("large")).info.run_id)
    rng = np.random.default_rng(0)
    falling = 0.2 + 2.1 * np.exp(-np.arange(steps) / (0.3 * steps))
    table = {
        "train_loss": falling * rng.normal(1, 0.03, steps),
        "val_loss": falling * rng.normal(1.05, 0.02, steps),
        "train_acc": 1 - falling / 3,
        "val_acc": 0.98 - falling / 3,
        "lr": 1e-3 * np.exp(-np.arange(steps) / steps),
    }
    table |= {f"layer_{k}/gradient_norm": rng.lognormal(0, 0.3, steps) for k in range(METRICS - len(table))}
    waiting: list[Metric] = []
    for step in range(steps):
        waiting += [Metric(name, float(v[step]), 1_700_000_000_000 + 250 * step, step) for name, v in table.items()]
        if len(waiting) > 900 or step == steps - 1:
            client.log_batch(run_id, waiting)
            waiting = []
    client.set_terminated(run_id)
    return run_id


def measured(run_id: str, rounds: int) -> dict[str, Any]:
    """Examine a run several times."""
    client = mlflow.MlflowClient()
    keys = list(client.get_run(run_id).data.metrics)
    first = seconds(lambda: remedy.diagnose(run_id=run_id))
    times = [seconds(lambda: remedy.diagnose(run_id=run_id)) for _ in range(rounds)]
    found = remedy.diagnose(run_id=run_id)
    client_seconds = seconds(lambda: [client.get_metric_history(run_id, key) for key in keys])
    return {
        "points": len(keys) * len(client.get_metric_history(run_id, keys[0])),
        "metrics": len(keys),
        "diagnose_seconds": round(min(times), 3),
        "slowest_seconds": round(max(times), 3),
        "first_seconds": round(first, 3),
        "client_read_seconds": round(client_seconds, 3),
        "diagnoses": [d.name for d in found.diagnoses],
    }


def seconds(act: Callable[[], Any]) -> float:
    """Return the wall time of one call."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
