"""Repairs side by side: remedy, plain random search and KerasTuner on the same stuck programs.

Reads result files with one JSON object a run (program, tool, seed, score on rows that no tool saw,
seconds, whether a fix was claimed, and under "extra" whether the program was repaired, the reference
score and the prescription) and prints one Markdown table, or one JSON object with ``--json``.

    python benchmarks/repair.py results/*.jsonl > docs/repair.md
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Run = dict[str, Any]


HEADING = """# How much is repaired

Small programs that people reported as stuck, each with a reference that is known to be attainable; the collection
is not part of this repository. Every tool had 60 seconds a program and the same rows. Scores (balanced accuracy,
macro F1, R^2) are on a test split that no tool saw; a program counts as repaired, **in bold**, when 80 % of the way
from a constant answer to the reference is closed. Random search and KerasTuner draw architectures and rates as
such tools are commonly set up, and always use their 60 seconds; remedy's seconds include the diagnosed training
and the final one. Thresholds and the order of the search were set while looking at these programs, so expect
somewhat less on others. Programs that are as they should be (two of the collection) have no row.

All ran on seed 0 and one of two shared cores, the other one busy (seconds are upper bounds); random search and
KerasTuner some weeks before remedy, whose commits do not change them.

Made with `python benchmarks/repair.py results/*.jsonl > docs/repair.md`.

"""


def main() -> None:
    """Read the files and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="print the summary alone, as one JSON object")
    args = parser.parse_args()
    missing = [str(file) for file in args.files if not file.is_file()]
    if missing:
        parser.error(f"no such result file: {', '.join(missing)}")
    runs: dict[str, list[Run]] = defaultdict(list)
    for line in (line for file in args.files for line in file.read_text().splitlines() if line):
        run = json.loads(line)
        runs[run["tool"]].append(run | {"case": run["case"].replace("_", "-")})
    fill_in(runs)
    summaries = {tool: summary(found, shared(runs)) for tool, found in runs.items()}
    if args.json:
        print(json.dumps(summaries))
        return
    print(HEADING + markdown(summaries, runs))


def fill_in(runs: dict[str, list[Run]]) -> None:
    """Give a run that ended in an error, which repaired nothing, what is known of its program from other runs."""
    known = {r["case"]: r["extra"] for found in runs.values() for r in found if not r.get("error")}
    for run in (r for found in runs.values() for r in found if r.get("error")):
        names = ("role", "fixable", "reference", "floor")
        run["extra"] = {k: v for k, v in known.get(run["case"], {}).items() if k in names} | {"repaired": False}


def shared(runs: dict[str, list[Run]]) -> set[tuple[str, int]]:
    """Return the (program, seed) pairs that every tool was run on."""
    return set.intersection(*({(r["case"], r["seed"]) for r in found} for found in runs.values()))


def summary(runs: Sequence[Run], common: set[tuple[str, int]]) -> dict[str, Any]:
    """Return the figures of one tool."""
    faults = [r for r in runs if r["extra"].get("role") == "fault"]
    fixable = [r for r in faults if r["extra"].get("fixable")]
    hopeless = [r for r in faults if not r["extra"].get("fixable")]
    both = [r for r in fixable if (r["case"], r["seed"]) in common]
    sizes = [r["extra"]["prescription"].count("(") for r in fixable if r["extra"].get("prescription")]
    return {
        "runs": len(runs),
        "errors": sum(bool(r.get("error")) for r in runs),
        "fixable": len(fixable),
        "repaired": sum(bool(r["extra"].get("repaired")) for r in fixable),
        "common": len(both),
        "repaired_common": sum(bool(r["extra"].get("repaired")) for r in both),
        "claimed_not_repaired": sum(bool(r.get("claimed_fix")) and not r["extra"].get("repaired") for r in fixable),
        "hopeless": len(hopeless),
        "false_claims": sum(bool(r.get("claimed_fix")) for r in hopeless),
        "median_seconds": round(statistics.median(r["seconds"] for r in fixable), 1) if fixable else None,
        "median_remedies": statistics.median(sizes) if sizes else None,
    }


def markdown(summaries: dict[str, dict[str, Any]], runs: dict[str, list[Run]]) -> str:
    """Return the summary and one row a program."""
    tools = list(runs)
    words = {
        "repaired": "repaired, of the fixable",
        "repaired_common": "repaired, of those every tool was run on",
        "claimed_not_repaired": "fix claimed, not repaired",
        "false_claims": "fix claimed where nothing can help",
        "median_seconds": "median seconds",
        "median_remedies": "median remedies in a fix",
    }
    of = {
        "repaired": "fixable",
        "repaired_common": "common",
        "claimed_not_repaired": "fixable",
        "false_claims": "hopeless",
    }
    lines = [f"| | {' | '.join(tools)} |", f"| --- | {' | '.join('---' for _ in tools)} |"]
    for key, word in words.items():
        cells = [f"{s[key]} / {s[of[key]]}" if key in of else str(s[key]) for s in summaries.values()]
        lines.append(f"| {word} | {' | '.join(cells)} |")
    lines += ["", f"| program | needed | {' | '.join(tools)} | remedy's fix |"]
    lines.append(f"| --- | --- | {' | '.join('---' for _ in tools)} | --- |")
    sick = {r["case"] for found in runs.values() for r in found if r["extra"].get("role") == "fault"}
    for name in sorted(sick):
        of_all = {tool: [r for r in found if r["case"] == name] for tool, found in runs.items()}
        extra = next(r["extra"] for found in of_all.values() for r in found)
        reference, floor = extra.get("reference"), extra.get("floor", 0.0)
        needed = "nothing helps" if reference is None else f"{floor + 0.8 * (reference - floor):.2f}"
        cells = [", ".join(map(cell, found)) or "not run" for found in of_all.values()]
        fixes = {r["extra"].get("prescription") for r in of_all.get("remedy", ())} - {None}
        fix = "; or ".join(sorted(" + ".join(part.split("(")[0] for part in text.split(" + ")) for text in fixes))
        lines.append(f"| {name} | {needed} | {' | '.join(cells)} | {fix or '-'} |")
    return "\n".join(lines)


def cell(run: Run) -> str:
    """Spell the score of a run, in bold where the program was repaired."""
    if run.get("error"):
        return "error"
    return f"**{run['score']:.2f}**" if run["extra"].get("repaired") else f"{run['score']:.2f}"


if __name__ == "__main__":
    main()
