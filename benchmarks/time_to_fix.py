"""Time to a confirmed fix, against what plain random search and KerasTuner need for the same test score.

    python benchmarks/time_to_fix.py --corpus DIR --out time.jsonl --markdown docs/time_to_fix.md --json
    python benchmarks/time_to_fix.py --read time.jsonl --json        puts earlier outputs together, trains nothing
    python benchmarks/time_to_fix.py --corpus DIR --read time.jsonl --out time.jsonl --json        goes on with them

The collection is a folder with ``core.py``, ``cases/*.py`` and ``run.py``, which holds the loader, the score and the
tools. It is not part of this repository. Without ``--cases`` every fourth of its fixable programs is taken, in
alphabetical order from the first (in general: every k-th, so that ten or fewer are left).

Every program and tool has a process of its own, and the tools take turns: remedy, random search, KerasTuner, next
program. What is counted:

- remedy: seconds from the call of ``remedy.fit`` to its return with a confirmed fix. That holds the diagnosed training,
  the search, the proof on three fresh seeds, the final training in full, and all writing to MLflow (a new store).
- the others: seconds of the tool until the model that it would hand back, the best on its own validation rows so far,
  reaches remedy's score on the test rows less a tolerance. Scoring the test rows, which no tool sees, is not counted;
  finding out that a program is stuck, and proving that the result is no accident, these tools do not do.

Who does not get there counts as censored at the budget: the ratio (remedy's seconds by those of the faster other tool)
is then only a bound. Where remedy finds no fix, the others have to close 80 % of the way from a constant answer to the
reference of the program.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Row = dict[str, Any]

OTHERS = {"random-search": "optuna", "keras-tuner": "keras_tuner"}
"""Tools to compare with, and the package that each needs."""

PROGRAMS = 10
"""Programs that are taken where none are named."""

SHARE = 0.8
"""Of the way from a constant answer to the reference; from there on a program counts as repaired."""

HEADING = """# How long a fix takes

Seconds from the call of `remedy.fit` to its return with a confirmed fix, and the seconds after which plain random
search (Optuna) and KerasTuner's Bayesian search hold a model that is as good on the test rows, to within {tolerance}.
remedy's seconds include the diagnosed training, the proof on fresh seeds and the final training; the others are given
that the program needs help, prove nothing, and the time for scoring the test rows is not counted. They draw optimizers,
rates, batch sizes, activations, widths and initial weights as such tools are commonly set up.

The programs come from a collection that people reported as stuck and that is not part of this repository: every k-th
fixable one in alphabetical order, unless the command below names others. Thresholds and the order of remedy's search
were set while looking at these programs, so expect somewhat less on others. Every run had a process of its own on
{cores} CPU cores, one after the other. A score **in bold** closes 80 % of the way from a constant answer to the
reference. "> 120": not reached within a budget of so many seconds, so the ratio is a bound; where remedy found no fix,
that 80 % is what the others have to reach.

Made with `{command}`.

"""


class Over(BaseException):
    """Ends a tool: the score is reached, or the time is over; tools catch what a trial raises, but not this."""


class Judge:
    """Stands in for the training of a trial: takes the time, and scores what the tool would hand back.

    Attributes:
        curve: (seconds of the tool, test score) whenever another model became its best.
        reached: Seconds to the target, or None.
    """

    def __init__(self, fit: Any, score: Any, target: float, budget: float) -> None:
        """Start the clock.

        Args:
            fit: Trains one suggestion and returns its validation score and model.
            score: Scores outputs: ``(task, labels, outputs)``.
            target: Test score to reach.
            budget: Seconds after which the tool is stopped.
        """
        self._fit, self._score, self._target, self._budget = fit, score, target, budget
        self._best = -math.inf
        self._judging, self._began = 0.0, time.perf_counter()
        self.curve: list[tuple[float, float]] = []
        self.reached: float | None = None

    def __call__(self, case: Any, data: Any, *args: Any) -> tuple[float, Any]:
        """Train a suggestion; end the tool where there is nothing left to see."""
        if self.seconds() >= self._budget:
            raise Over
        value, model = self._fit(case, data, *args)
        now = self.seconds()
        if value > self._best:
            self._best = value
            began = time.perf_counter()
            score = self._score(case.task, data.y_test, model.predict(data.X_test, verbose=0))
            self._judging += time.perf_counter() - began
            self.curve.append((round(now, 2), round(score, 4)))
            if score >= self._target and now <= self._budget:
                self.reached = now
                raise Over
        return value, model

    def seconds(self) -> float:
        """Return the seconds of the tool alone."""
        return time.perf_counter() - self._began - self._judging


def load(corpus: Path) -> Any:
    """Import the runner of the collection."""
    sys.path.insert(0, str(corpus))
    spec = importlib.util.spec_from_file_location("corpus_run", corpus / "run.py")
    assert spec is not None
    assert spec.loader is not None
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner


def chosen(corpus: Path, wanted: Sequence[str]) -> dict[str, Path]:
    """Return the files of the programs to run by id: the named ones, or every k-th fixable one."""
    runner = load(corpus)
    loaded = {(case := runner.load_case(path)).id: (case, path) for path in runner.load_cases(corpus).values()}
    if wanted:
        names = [name.replace("_", "-") for name in wanted]
        if unknown := [name for name in names if name not in loaded]:
            raise SystemExit(f"no such program in {corpus}: {', '.join(unknown)}")
        if hopeless := [name for name in names if loaded[name][0].reference is None]:
            raise SystemExit(f"no fix is known that could be waited for: {', '.join(hopeless)}")
    else:
        fixable = sorted(i for i, (c, _) in loaded.items() if c.role == "fault" and c.reference is not None)
        names = fixable[:: max(1, math.ceil(len(fixable) / PROGRAMS))]
    return {name: loaded[name][1] for name in names}


def run_here(corpus: Path, path: Path, tool: str, options: argparse.Namespace) -> Row:
    """Run one tool on one program in this process."""
    runner = load(corpus)
    case = runner.load_case(path)
    import core  # of the collection

    core.seed_everything(options.seed)
    data, program = case.data(options.seed), case.faulty()
    low = core.floor(case.task, data.y_test)
    mark = low + SHARE * (case.reference - low)
    row: Row = {"mark": round(mark, 4), "cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        if tool == "remedy":
            found = runner.TOOLS[tool](case, data, program, options.seed, options.search, Path(folder))
            row |= {"seconds": found.seconds if found.claimed_fix else None, "spent": found.seconds}
            return row | {"score": found.score, "prescription": found.extra["prescription"]}
        importlib.import_module(OTHERS[tool])
        target = mark if options.target is None else options.target
        judge = runner._hyper_fit = Judge(runner._hyper_fit, core.score, target, options.budget)
        try:
            # The judge ends the tool by the tool's own time; by the clock on the wall it would come too soon.
            runner.TOOLS[tool](case, data, program, options.seed, math.inf, Path(folder))
        except Over:
            pass
        except Exception as error:  # KerasTuner gives up after three failed trials in a row.
            row["ended"] = f"{type(error).__name__}: {str(error)[-200:]}"
        score = judge.curve[-1][1] if judge.curve else None
        row |= {"seconds": judge.reached, "spent": judge.seconds(), "score": score}
        return row | {"target": target, "curve": judge.curve}


def run_apart(corpus: Path, path: Path, tool: str, target: float | None, args: argparse.Namespace) -> Row:
    """Run one tool on one program in a process of its own; a row with "error" where it gave no answer."""
    command = [sys.executable, __file__, "--corpus", str(corpus), "--one", str(path), tool]
    for name in ("seed", "budget", "search"):
        command += [f"--{name}", str(getattr(args, name))]
    command += [] if target is None else ["--target", str(target)]
    limit = 2 * args.budget + 120  # A trial is not broken off; what ends after the budget does not count.
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"seconds": None, "score": None, "ended": f"no answer in {limit:.0f} s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("ROW ")]
    return json.loads(lines[-1][4:]) if lines else {"error": done.stderr[-1000:]}


def measure(args: argparse.Namespace, known: Iterable[Row]) -> list[Row]:
    """Run what is not known yet, tools in turn, and return all rows."""
    corpus = args.corpus.resolve()
    rows = {(row["case"], row["tool"]): row for row in known}
    for name, path in chosen(corpus, args.cases).items():
        for tool in ("remedy", *args.tools):
            if (name, tool) in rows:
                continue
            ours = rows.get((name, "remedy"), {})
            target = ours["score"] - args.tolerance if ours.get("seconds") is not None else None
            row = {"case": name, "tool": tool, **{k: getattr(args, k) for k in ("seed", "budget", "search")}}
            row |= {"tolerance": args.tolerance, **run_apart(corpus, path, tool, target, args)}
            if args.out:
                with args.out.open("a") as sink:
                    sink.write(json.dumps(row) + "\n")
            print(f"{name:<24} {tool:<14} {told(row)}", flush=True)
            if "error" not in row:
                rows[name, tool] = row
            elif tool == "remedy":
                break  # Without its score the others have nothing to reach.
    return list(rows.values())


def told(row: Row) -> str:
    """Say in a line how a run ended."""
    if "error" in row:
        return f"failed: {row['error'].strip()[-200:]}"
    score = "no score" if row["score"] is None else f"score {row['score']:.3f}"
    when = "not reached" if row["seconds"] is None else f"{row['seconds']:.1f} s"
    return f"{when}, {score}{', ' + row['ended'] if row.get('ended') else ''}"


def read(files: Sequence[Path]) -> list[Row]:
    """Return the rows of earlier outputs, the last of a program and tool; failed ones are left out."""
    lines = [line for file in files for line in file.read_text().splitlines() if line]
    rows = [row for row in map(json.loads, lines) if "error" not in row]
    return list({(row["case"], row["tool"]): row for row in rows}.values())


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return seconds, scores and the ratio of every program that remedy and another tool were run on."""
    programs = {}
    for name in sorted({row["case"] for row in rows}):
        runs = {row["tool"]: row for row in rows if row["case"] == name}
        others = [row for tool, row in runs.items() if tool != "remedy"]
        if "remedy" not in runs or not others:
            continue
        ours, budget = runs["remedy"]["seconds"], runs["remedy"]["budget"]
        theirs = min((row["seconds"] for row in others if row["seconds"] is not None), default=None)
        bounds = {(False, False): "exact", (False, True): "at most", (True, False): "at least", (True, True): "unknown"}
        programs[name] = {
            "seconds": {tool: _rounded(row["seconds"], 1) for tool, row in runs.items()},
            "scores": {tool: _rounded(row["score"], 4) for tool, row in runs.items()},
            "mark": runs["remedy"].get("mark", others[0].get("mark")),
            "ratio": round((budget if ours is None else ours) / (budget if theirs is None else theirs), 4),
            "bound": bounds[ours is None, theirs is None],
            "budget": budget,
        }
    ratios = [program["ratio"] for program in programs.values()]
    return {
        "median_ratio": round(statistics.median(ratios), 4) if ratios else None,
        "faster": sum(ratio < 1 for ratio in ratios),
        "programs": len(programs),
        "cases": programs,
    }


def markdown(found: dict[str, Any], about: dict[str, Any], command: str) -> str:
    """Return the page for the docs."""
    tools = list(dict.fromkeys(tool for program in found["cases"].values() for tool in program["seconds"]))
    lines = [f"| program | score of the fix | {' | '.join(f'{tool}, s' for tool in tools)} | ratio |"]
    lines.append(f"| --- | --- | {' | '.join('---' for _ in tools)} | --- |")
    signs = {"exact": "", "at most": "< ", "at least": "> "}
    for name, program in found["cases"].items():
        cells = [
            "not run" if tool not in program["seconds"] else _seconds(program["seconds"][tool], program["budget"])
            for tool in tools
        ]
        score, mark = program["scores"]["remedy"], program["mark"]
        if program["seconds"]["remedy"] is None:
            spelled = "no fix"
        else:
            spelled = f"**{score:.2f}**" if mark is not None and score >= mark else f"{score:.2f}"
        sign = signs.get(program["bound"])
        ratio = "not known" if sign is None else f"{sign}{program['ratio']:.2f}"
        lines.append(f"| {name} | {spelled} | {' | '.join(cells)} | {ratio} |")
    median = found["median_ratio"]
    verdict = [
        f"Median ratio, bounds taken as they are and 1 where nothing is known: {median:.2f}. remedy was faster on "
        f"{found['faster']} of {found['programs']}.",
        "",
    ]
    return HEADING.format(command=command, **about) + "\n".join([*verdict, *lines]) + "\n"


def _seconds(value: float | None, budget: float) -> str:
    return f"> {budget:.0f}" if value is None else f"{value:.0f}"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def parse() -> argparse.Namespace:
    """Read the command line, and check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="folder with core.py, run.py and cases/")
    parser.add_argument("--cases", nargs="*", default=[], help="ids (default: every k-th fixable program)")
    parser.add_argument("--tools", nargs="*", default=[*OTHERS], choices=[*OTHERS], help="to compare with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=180.0, help="seconds after which a tool is censored")
    parser.add_argument("--search", type=float, default=60.0, help="seconds remedy is given: Search(timeout=...)")
    parser.add_argument("--tolerance", type=float, default=0.01, help="by how much a score may be lower")
    parser.add_argument("--out", type=Path, help="append a JSON line for every program and tool to this file")
    parser.add_argument("--read", type=Path, nargs="*", default=[], help="take these files of lines first")
    parser.add_argument("--markdown", type=Path, help="write the page there")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.corpus is None and not args.read:
        parser.error("give --corpus DIR, or --read FILE ...")
    if args.corpus is not None and not (args.corpus / "run.py").is_file():
        parser.error(f"{args.corpus} is no such collection: it has no run.py")
    if missing := [str(file) for file in args.read if not file.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    if args.corpus is not None and not args.one:
        for tool in args.tools:
            if importlib.util.find_spec(OTHERS[tool]) is None:
                parser.error(f"{tool} is not installed; install it, or leave it out with --tools")
    return args


def main() -> None:
    """Run the tools, or read what they did, and print the figures."""
    args = parse()
    if args.one:
        print("ROW " + json.dumps(run_here(args.corpus.resolve(), Path(args.one[0]), args.one[1], args)))
        return
    rows = read(args.read)
    conditions = ("seed", "search", "tolerance")
    if rows and args.corpus is None:
        for name in conditions:
            setattr(args, name, rows[0][name])
    # The budget only says when to stop waiting; it has to be one for the tools of a program.
    given = {row["case"]: row["budget"] for row in rows}
    for row in rows:
        differing = [name for name in conditions if row[name] != getattr(args, name)]
        differing += ["budget"] if row["budget"] != given[row["case"]] else []
        if differing:
            raise SystemExit(f"{row['case']}, {row['tool']} was run under another {', '.join(differing)}")
    if args.corpus is not None:
        rows = measure(args, rows)
    about = {name: getattr(args, name) for name in conditions}
    about["cores"] = max((row.get("cores", 0) for row in rows), default=0)
    found = summary(rows) | {"parameters": about}
    if args.markdown:
        given = " ".join(f"--{name} {about[name]:g}" for name in conditions)
        given += f" --cases {' '.join(args.cases)}" if args.cases else ""
        args.markdown.write_text(markdown(found, about, f"python benchmarks/time_to_fix.py --corpus DIR {given}"))
    print(json.dumps(found) if args.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
