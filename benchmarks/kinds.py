"""What works with what: programs of the kinds that people run, each stuck and healthy, and what remedy makes of them.

    python benchmarks/kinds.py --markdown docs/kinds.md
    python benchmarks/kinds.py --only "text" "several outputs" --json

Every kind is run in a process of its own. Of the healthy twin it is asked whether it was judged, and that it was not
called stuck; of the stuck one whether that was seen, whether a fix was proven, and whether the patch runs behind the
program's own source and learns. The run fails where a healthy twin is called stuck.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kind_programs import SOURCES

SICK, WELL = "keras.optimizers.SGD(1e-6)", "keras.optimizers.Adam(0.01)"

PAGE = """# What works with what

Every row is a small program of its kind, run twice: with an optimizer that learns, and with one that hardly moves
(SGD at 1e-6). "healthy twin" says what remedy calls the first, "stuck" whether it noticed the second, "fix" the score
on rows set aside before and after. "patch" is the score, on the program's own rows, of the model that the patch trains
behind the program's own source. Made with `python benchmarks/kinds.py --markdown docs/kinds.md`
({seconds} seconds of search each, {processes} at the same time).

| kind | what it is | healthy twin | stuck | fix | patch |
| --- | --- | --- | --- | --- | --- |
{rows}

What is not treated, and why:

- a `train_step` of one's own or a `call` that symbols cannot follow: treated in training and data; remedies for layers
  are left out, `build=` opens them. A class that adds weights in `__init__` needs `build=` to be treated at all.
- answers that fit no score (distances, mixtures, a loss inside the model): judged by `Search(objective=...)` or by the
  program's own loss.
- streams of more than 256 MB: a sample drawn over a whole epoch is searched and proven on; the patch reads as many rows
  as fit into memory. Endless ones that give new rows always: nothing is called confirmed.
- PyTorch loaders, ragged batches and batches made in other processes: logged, and their loss is watched.
"""


def run(kind: str, seconds: float) -> dict[str, Any]:
    """Return what came of one kind; runs in a process of its own."""
    import keras

    import remedy

    warnings.simplefilter("ignore")
    source = SOURCES[kind][1]
    healthy = _started(source, WELL)
    twin = remedy.fit(healthy["model"], healthy["X"], healthy["y"], **healthy["fit"])
    space = _started(source, SICK)
    model, X, y, fit = (space[name] for name in ("model", "X", "y", "fit"))
    result = remedy.fit(model, X, y, search=remedy.Search(timeout=seconds), **fit)
    row: dict[str, Any] = {
        "kind": kind,
        "healthy": twin.examination.outcome,
        "stuck": result.stuck,
        "names": [d.name for d in result.diagnoses],
        "fix": None,
        "conclusion": result.conclusion,
    }
    if result.fix is None:
        return row
    row |= {"fix": result.fix.confirmed, "before": result.fix.baseline_score, "after": result.fix.score}
    keras.utils.set_random_seed(1)
    fresh = _started(source, SICK)
    fresh["fit"].pop("order", None)
    fresh["source"] = source
    try:
        exec(result.fix.patch, fresh)
        row["patch"] = _worth(fresh)
    except Exception as error:
        row["patch"] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
    return row


def _worth(space: dict[str, Any]) -> str:
    """Return the score of the patched model on the rows of its program."""
    from remedy.data.fit_call import read_fit_call

    again = _started(space["source"], SICK)
    steps = again["fit"].get("steps_per_epoch")
    X = again["X"] if steps is None else again["X"].take(steps)
    data = read_fit_call(again["model"], X, again["y"], {}).dataset
    scorer = data.scorer(data.train)
    answers = space["model"].predict(data.train.X, verbose=0)
    return f"{scorer(data.train.y if scorer.whole else data.train.target, answers):.2f}"


def _started(source: str, optimizer: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec(source.replace("OPTIMIZER", optimizer), space)
    return space


def _line(row: dict[str, Any]) -> str:
    words = SOURCES[row["kind"]][0]
    before = "nothing compared" if row.get("before") is None else f"{row['before']:.2f}"
    fix = "none" if row["fix"] is None else f"{before} to {row['after']:.2f}"
    fix += "" if row["fix"] in (None, True) else ", not confirmed"
    stuck = "seen" if row["stuck"] else "not seen"
    return f"| {row['kind']} | {words} | {row['healthy']} | {stuck} | {fix} | {row.get('patch') or '-'} |"


def _apart(kind: str, seconds: float) -> dict[str, Any]:
    """Run one kind in a process and a folder of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--one", kind, "--seconds", str(seconds)]
    with tempfile.TemporaryDirectory() as folder:
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=quiet)
    if done.returncode:
        raise SystemExit(f"{kind}: {done.stderr[-1500:]}")
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    """Run every kind, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(SOURCES), metavar="KIND", help="names of kinds; default: all")
    parser.add_argument("--seconds", type=float, default=25.0, help="of search for every kind")
    parser.add_argument("--processes", type=int, default=1, help="kinds at the same time")
    parser.add_argument("--markdown", type=Path, help="write the page there")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(run(args.one, args.seconds)))
        return
    rows = []
    with ThreadPoolExecutor(args.processes) as pool:
        for row in pool.map(lambda kind: _apart(kind, args.seconds), args.only):
            rows.append(row)
            print(_line(row), flush=True)
    if args.markdown:
        args.markdown.write_text(
            PAGE.format(rows="\n".join(map(_line, rows)), seconds=f"{args.seconds:g}", processes=args.processes)
        )
    alarms = [row["kind"] for row in rows if row["healthy"] == "stuck"]
    if args.json:
        print(json.dumps({"kinds": len(rows), "false alarms": len(alarms), "rows": rows}))
    if alarms:
        sys.exit(f"healthy twins called stuck: {', '.join(alarms)}")


if __name__ == "__main__":
    main()
