"""What the five stories share: their options, and how they say what was reached."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np

from remedy.data.scores import balanced_accuracy, recalls
from remedy.doors import quiet_start

with quiet_start():  # A dozen start-up lines of TensorFlow would open every story.
    import keras  # noqa: F401

BEGAN = time.perf_counter()


def options(about: str, data: str) -> argparse.ArgumentParser:
    """Return the options of every story.

    Args:
        about: The docstring of the program.
        data: What ``--data`` takes.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help=data)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="the author's sizes (for a GPU)")
    size.add_argument("--quick", action="store_true", help="a small set of generated data, under a minute")
    parser.add_argument("--epochs", type=int, help="epochs of the reported training")
    parser.add_argument("--timeout", type=float, help="seconds for the search")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    return parser


def tell(args: argparse.Namespace, result: Any, X: Any, y: np.ndarray, after: Any = None, **more: Any) -> None:
    """Print what the model of the author and that of the fix answer to the test rows.

    Args:
        args: The options that were given.
        result: What ``remedy.fit`` returned.
        X: Test rows, as the model takes them.
        y: Their classes, one-hot, shape (n, classes).
        after: The model to show beside that of the author; None takes that of the fix.
        more: Further entries for the JSON object.
    """
    models = {"before": result.model, "after": after or (result.fix.model if result.fix else result.model)}
    score = {}
    for name, model in models.items():
        output = model.predict(X, verbose=0)
        score[name] = round(float(balanced_accuracy(y, output)), 4)
        found = ", ".join(f"class {c} {r:.2f}" for c, r in recalls(y, output).items())
        print(f"Test rows {name}: balanced accuracy {score[name]:.3f} (recall: {found})")
    if not args.json:
        return
    cause = result.examination.cause
    report = {
        "balanced_accuracy_before": score["before"],
        "balanced_accuracy_after": score["after"],
        "stuck": result.stuck,
        "stuck_epoch": cause.epoch if cause else None,
        "diagnoses": [d.name for d in result.diagnoses],
        "words": [f"{d.code} {d.name}: {d.message}" for d in result.diagnoses],
        "conclusion": result.conclusion,
        "prescription": str(result.fix.prescription) if result.fix else None,
        "patch": result.fix.patch if result.fix else result.advice,
        "confirmed_score": result.fix.score if result.fix else None,
        "baseline_score": result.fix.baseline_score if result.fix else None,
        **more,
        "seconds": round(time.perf_counter() - BEGAN, 1),
    }
    print(json.dumps(report))
