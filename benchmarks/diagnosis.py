"""Scores the diagnosis on a collection of sick programs and their healthy twins; nothing is repaired.

    python benchmarks/diagnosis.py --corpus DIR --seeds 0 1 --markdown docs/diagnosis.md --json

The collection is a folder with ``core.py`` and ``cases/*.py``; each case has ``data(seed)``,
``faulty()``, ``healthy(seed)``, ``stuck`` and ``expect`` (words for the causes that a good diagnosis
names). It is not part of this repository. Every program trains under `remedy.fit(search=False)`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

NAMES: dict[str, tuple[str, ...]] = {
    "architecture": ("excessive-dropout", "too-deep-without-normalization", "missing-activation"),
    "bad_labels": ("label-encoding",),
    "class_imbalance": ("class-imbalance", "neglected-class"),
    "collapse": ("majority-collapse", "constant-output", "diverging-loss", "flat-loss", "dead-units"),
    "constant_accuracy": ("majority-collapse", "constant-output", "flat-loss"),
    "constant_output": ("constant-output",),
    "degenerate_metric": ("accuracy-on-regression", "class-blind-metrics"),
    "dropout_range": ("excessive-dropout", "dropout-on-tiny-net"),
    "dying_relu": ("dead-units",),
    "exploding": ("exploding-gradients", "diverging-loss", "non-finite-loss"),
    "input_scale": ("unscaled-input",),
    "label_range_vs_loss": ("wrong-unit-count", "label-encoding"),
    "large_loss": ("slow-learning", "flat-loss", "diverging-loss"),
    "loss_activation_mismatch": (
        "unbounded-head",
        "sigmoid-with-categorical-loss",
        "softmax-on-multilabel",
        "regression-loss-on-classes",
        "bounded-head",
    ),
    "loss_at_lnK": ("flat-loss", "constant-output", "majority-collapse"),
    "loss_plateau": ("flat-loss", "constant-output"),
    "low_r2": ("underfitting", "slow-learning"),
    "lr_range": ("invalid-learning-rate", "unusual-learning-rate"),
    "majority_accuracy": ("majority-collapse", "class-imbalance", "neglected-class", "class-blind-metrics"),
    "missing_activation": ("missing-activation",),
    "multilabel_softmax": ("softmax-on-multilabel",),
    "nan_loss": ("non-finite-loss", "diverging-loss"),
    "negative_loss": ("wrong-unit-count",),
    "no_signal": ("no-signal",),
    "one_class": ("majority-collapse", "constant-output", "neglected-class"),
    "output_units": ("wrong-unit-count",),
    "relu_before_softmax": ("relu-before-softmax",),
    "saturated_activation": ("saturated-units",),
    "slow_convergence": ("slow-learning", "unusual-learning-rate"),
    "softmax_single_unit": ("one-unit-softmax",),
    "target_is_distribution": ("target-is-distribution",),
    "target_scale": ("unscaled-target",),
    "train_val_scale_mismatch": ("train-validation-shift",),
    "unshuffled_val_split": ("sorted-validation-split",),
    "unstable": ("oscillating-loss", "diverging-loss", "unusual-learning-rate", "extreme-batch-size"),
    "val_in_train": ("duplicated-rows",),
    "vanishing_gradient": ("vanishing-gradients",),
}
"""Which of our names say what a word of the collection means."""


def cases(corpus: Path, wanted: list[str]) -> Iterator[Any]:
    """Import every case of the collection."""
    sys.path.insert(0, str(corpus))
    for path in sorted((corpus / "cases").glob("*.py")):
        if path.stem.startswith("_") or (wanted and path.stem not in {w.replace("-", "_") for w in wanted}):
            continue
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module.CASE


def examine(case: Any, seed: int, twin: bool) -> dict[str, Any]:
    """Train one program under remedy and return what was said of it."""
    import keras

    import remedy

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    data, program = case.healthy(seed) if twin else (case.data(seed), case.faulty())
    result = remedy.fit(program.model, data.X, data.y, search=False, verbose=0, log_data=False, **program.fit)
    errors = [d.epoch for d in result.diagnoses if d.severity == "error"]
    names = [d.name for d in result.diagnoses]
    planned = int(program.fit.get("epochs", 1))
    sick = bool(case.stuck) and not twin
    return {
        "program": case.id,
        "seed": seed,
        "twin": twin,
        "sick": sick,
        "flagged": result.stuck,
        "epoch": min(errors, default=None),
        "planned": planned,
        "names": names,
        "expected": list(case.expect or case.causes),
        "named": any(n in NAMES.get(word, ()) for word in case.expect or case.causes for n in names[:3]),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of all rows together."""
    sick, healthy = [r for r in rows if r["sick"]], [r for r in rows if not r["sick"]]
    epochs = [r["epoch"] for r in sick if r["flagged"]]
    in_time = [r["epoch"] <= max(5, 0.15 * r["planned"]) for r in sick if r["flagged"]]
    return {
        "sick": len(sick),
        "sick_flagged": sum(r["flagged"] for r in sick),
        "healthy": len(healthy),
        "healthy_flagged": sum(r["flagged"] for r in healthy),
        "cause_named": sum(r["named"] for r in sick),
        "median_epoch": statistics.median(epochs) if epochs else None,
        "in_time": sum(in_time),
    }


def markdown(rows: list[dict[str, Any]], command: str) -> str:
    """Return the page for the docs."""
    told = summary(rows)
    flagged, healthy, named = told["sick_flagged"], told["healthy_flagged"], told["cause_named"]
    lines = [
        "# How well the diagnosis does",
        "",
        f"Measured with `{command}`",
        "on a collection of small programs that people reported as stuck, each with a healthy twin; the collection is",
        "not part of this repository. Thresholds were set while looking at these programs, so expect somewhat less on",
        "others.",
        "",
        "| | |",
        "| --- | --- |",
        f"| sick programs flagged | {flagged} of {told['sick']} ({flagged / max(1, told['sick']):.1%}) |",
        f"| healthy programs flagged | {healthy} of {told['healthy']} ({healthy / max(1, told['healthy']):.1%}) |",
        f"| a right cause among the first three | {named} of {told['sick']} ({named / max(1, told['sick']):.1%}) |",
        f"| median epoch of the flag (0 is before training) | {told['median_epoch']} |",
        f"| flagged by epoch 5 or 15 % of the plan | {told['in_time']} of {flagged} |",
        "",
        "| program | seed | flagged at epoch | of | first three names |",
        "| --- | --- | --- | --- | --- |",
    ]
    for r in (r for r in rows if r["sick"]):
        epoch = "not flagged" if r["epoch"] is None else r["epoch"]
        lines.append(f"| {r['program']} | {r['seed']} | {epoch} | {r['planned']} | {', '.join(r['names'][:3])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the collection and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="folder with core.py and cases/")
    parser.add_argument("--rows", type=Path, help="append a JSON line for every program to this file")
    parser.add_argument("--read", type=Path, nargs="*", help="train nothing, take these files of lines")
    parser.add_argument("--case", nargs="*", default=[], help="ids (default: all)")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1])
    parser.add_argument("--markdown", type=Path, help="write the page there")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    args = parser.parse_args()
    page = args.markdown.resolve() if args.markdown else None
    rows = [json.loads(line) for file in args.read or () for line in file.read_text().splitlines()]
    if not args.read:
        if args.corpus is None:
            parser.error("give --corpus DIR, or --read FILE ...")
        rows = measure(args.corpus.resolve(), args.case, args.seeds, args.rows.resolve() if args.rows else None)
    if page:
        seeds = " ".join(map(str, sorted({row["seed"] for row in rows})))
        page.write_text(markdown(rows, f"python benchmarks/diagnosis.py --corpus DIR --seeds {seeds}"))
    print(json.dumps(summary(rows)) if args.json else summary(rows))


def measure(corpus: Path, wanted: list[str], seeds: list[int], out: Path | None) -> list[dict[str, Any]]:
    """Train every program and its twin, and return a row for each."""
    rows = []
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        for case in cases(corpus, wanted):
            for seed in seeds:
                for twin in (False, True):
                    if twin and (case.healthy is None or not case.stuck):
                        continue
                    row = examine(case, seed, twin)
                    rows.append(row)
                    if out:
                        with out.open("a") as sink:
                            sink.write(json.dumps(row) + "\n")
                    right = row["flagged"] == row["sick"] and (row["named"] or not row["sick"])
                    kind, said = "twin" if twin else "sick", ", ".join(row["names"][:4])
                    mark = "  " if right else "!!"
                    flag = f"flagged at epoch {row['epoch']}" if row["flagged"] else "not flagged"
                    print(mark, f"{case.id:<24} seed {seed} {kind} {flag}: {said}", flush=True)
    return rows


if __name__ == "__main__":
    main()
