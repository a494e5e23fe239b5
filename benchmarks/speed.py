"""How fast a search is: puts the last lines of the speed benchmarks together as one Markdown page.

Of every file the last line is read.

    python benchmarks/throughput.py --json > throughput.json
    python benchmarks/driver.py --json > driver.json
    python benchmarks/budget.py --json > budget.json
    python benchmarks/time_to_score.py --json > time_to_score.json
    python benchmarks/large.py --rows 1000000 --json > large.json
    python benchmarks/large.py --rows 25000000 --memmap --json > mapped.json
    python benchmarks/speed.py *.json > docs/speed.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEADING = """# How fast a search is

Measured on two shared CPU cores with the TensorFlow backend; ratios are of times from one run in which the tools took
turns. Made with `python benchmarks/speed.py *.json > docs/speed.md` from what the commands below wrote.

"""


def main() -> None:
    """Read the files and print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    args = parser.parse_args()
    missing = [str(file) for file in args.files if not file.is_file()]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")
    parts = [part(json.loads(file.read_text().strip().splitlines()[-1])) for file in args.files]
    print(HEADING + "\n".join(parts), end="")


def part(found: Mapping[str, Any]) -> str:
    """Return the section of one benchmark, known by its keys."""
    if "driver_ms_a_trial" in found:
        return driver(found)
    if "times_faster" in found:
        return time_to_score(found)
    if "timeout" in found:
        return budget(found)
    if "all_rows" in found:
        return large(found["all_rows"])
    return throughput(found)


def throughput(found: Mapping[str, Any]) -> str:
    """Return the trials of every tool."""
    given = found["parameters"]
    options = f"--trials {given['trials']} --rounds {given['rounds']} --only {' '.join(given['only'])}"
    lines = [f"## Trials: `python benchmarks/throughput.py {options} --json`", ""]
    names = [name for name in ("mlp", "conv1d", "ecg") if name in found]
    if names:
        lines += ["The same trials and epochs by a plain Optuna loop and by KerasTuner, which build and compile a new"]
        lines += ["model every time; seconds a trial.", ""]
        lines += ["| network | remedy | Optuna | KerasTuner | times faster |", "| --- | --- | --- | --- | --- |"]
        for name in names:
            each = found[name]["seconds_a_trial"]
            cells = [f"{each[tool]:.3f}" if tool in each else "-" for tool in ("remedy", "optuna", "keras_tuner")]
            faster = " / ".join(str(found[name][f"vs_{tool}"]) for tool in ("optuna", "keras_tuner"))
            lines.append(f"| {name} | {' | '.join(cells)} | {faster} |")
    if "processes" in found:
        same, drawn = found["processes"]["vs_inline"], found["processes"]["search"]["vs_inline"]
        lines += [""] if names else []
        lines += [f"Two worker processes train {same} times as many trials of the ECG net as one process, and {drawn}"]
        lines += ["times as many where the trials are drawn as a search draws them, so that most have to be traced."]
    return "\n".join(lines) + "\n"


def driver(found: Mapping[str, Any]) -> str:
    """Return what a search costs beside training."""
    memory = ", ".join(f"{mb} MB after {n}" for n, mb in found["memory_mb"].items())
    return (
        "## The driver: `python benchmarks/driver.py --json`\n\n"
        f"In a search of {found['trials']} trials asking, telling, diagnosing and logging take "
        f"{found['driver_ms_a_trial']} ms a trial, {found['diagnosing_ms_a_trial']} of them for the detectors. "
        f"Resident memory: {memory}; {found['memory_growth_after_30']:+.1%} after the first thirty.\n"
    )


def budget(found: Mapping[str, Any]) -> str:
    """Return what part of its budget every search took."""
    given = f"--timeout {found['timeout']:g} --workers {found['workers']}"
    rows = {name: row for name, row in found.items() if isinstance(row, Mapping)}
    took = ", ".join(f"{row['seconds']} s ({name}{', a false fix' * row['fix']})" for name, row in rows.items())
    return (
        f"## The budget: `python benchmarks/budget.py {given} --json`\n\n"
        f"Given {found['timeout']:g} seconds on labels in random order, where there is nothing to find, searches took "
        f"{took}.\n"
    )


def time_to_score(found: Mapping[str, Any]) -> str:
    """Return what both sides took to the same score, seed by seed."""
    given = found["parameters"]
    seeds = " ".join(str(seed) for seed in given["seeds"])
    command = f"python benchmarks/time_to_score.py --seeds {seeds} --timeout {given['timeout']:g} --json"
    lines = [f"## Time to the same validation score: `{command}`", ""]
    lines += [f"The ECG net on {found['cores']} CPU cores; a plain Optuna loop draws from the remedies that remedy's"]
    lines += [
        "diagnosis asks for. The target is the lower of the two best scores. Who never gets to the higher one stands"
    ]
    lines += ["there with all the seconds that it searched."]
    lines += [f"Median over the seeds: {found['times_faster']} times faster.", ""]
    lines += ["| seed | target | remedy, s | plain, s | times faster | higher score | remedy, s | plain, s |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for turn in found["rounds"]:
        if turn["times_faster"] is None:
            lines.append(f"| {turn['seed']} | one side has learnt nothing | | | | | | |")
            continue
        both = turn["seconds_to_target"], turn["to_the_higher"]["seconds"]
        near, far = ([_at(seconds[side], turn[side]["seconds"]) for side in ("remedy", "plain")] for seconds in both)
        cells = [turn["seed"], f"{turn['target']:.3f}", *near, turn["times_faster"]]
        lines.append("| " + " | ".join(map(str, [*cells, f"{turn['to_the_higher']['target']:.3f}", *far])) + " |")
    return "\n".join(lines) + "\n"


def _at(seconds: float | None, searched: float) -> str:
    return f"> {searched:.0f}" if seconds is None else f"{seconds:.0f}"


def large(found: Mapping[str, Any]) -> str:
    """Return what data of many rows takes."""
    options = f"--rows {found['rows']} --columns {found['columns']}{' --memmap' if found['memmap'] else ''}"
    ended = f"fixed, {found['accuracy_of_the_fix']:.3f} of the last rows right" if found["fixed"] else "not fixed"
    return (
        f"## Large data: `python benchmarks/large.py {options} --json`\n\n"
        f"{found['data_bytes'] / 2**30:.2f} GiB of data; most memory beside it {found['growth_in_data']:.2f} times as "
        f"much, {found['growth_beyond_few_rows_in_data']:.2f} beyond what the same program takes on few rows; "
        f"{found['seconds']} s, {'stuck' if found['stuck'] else 'not stuck'}, {ended}.\n"
    )


if __name__ == "__main__":
    main()
