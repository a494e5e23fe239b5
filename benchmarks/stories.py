"""The five reported programs, small, from several seeds: what their authors had, and what they get back.

    python benchmarks/stories.py                                       generated data, one seed
    python benchmarks/stories.py --data DIR --seeds 0 1 2 --json       real data: the .npz files that DIR holds
    python benchmarks/stories.py --data DIR --docs docs/stories         a page of each, from its first seed

Each program runs as a user runs it, in a process and an empty folder of its own. A score is balanced accuracy on test
rows that were set aside before anything began. The run fails where a program is not caught within a tenth of the
epochs that its author trained, where a diagnosis is missing, where a run takes too long, where a shallow model is
better by more than 0.05, where the median over the seeds stays below its bar, and where the advice for a program that
learns takes more than a tenth of its author's time.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

ADVISED = 0.1
"""Most of the author's training time that a program may take with the lines that remedy advises."""


@dataclass(frozen=True)
class Story:
    """What a program is run with, and what has to come of it.

    Attributes:
        program: File in examples/, without its ending.
        file: The real data, inside the folder of ``--data``; None where they are generated.
        options: Further options.
        names: Diagnoses, all of which have to be made.
        bar: Least median score with real data; None asks for none.
        generated_bar: The same with generated data.
        epoch: Last epoch in which it may be called stuck; None where it need not be stuck.
        seconds: Most seconds.
        real_names: Diagnoses that only real data give rise to: simulated people have beats of every class alike.
    """

    program: str
    file: str | None
    options: tuple[str, ...]
    names: frozenset[str]
    bar: float | None
    generated_bar: float | None
    epoch: int | None
    seconds: float
    real_names: frozenset[str] = frozenset()


STORIES = {
    "R0": Story(
        "ecg",
        "mitbih_30s_90hz.npz",
        (),
        frozenset(
            {
                *("majority-collapse", "class-imbalance", "unscaled-input", "batchnorm-lag", "excessive-dropout"),
                "unusual-learning-rate",
            }
        ),
        0.80,
        0.60,
        8,
        480,
    ),
    "R0, patients apart": Story(
        "ecg",
        "mitbih_30s_90hz.npz",
        ("--groups",),
        frozenset({"majority-collapse"}),
        None,
        None,
        8,
        480,
        frozenset({"group-leak"}),
    ),
    "R1": Story(
        "radio",
        None,
        (),
        frozenset({"constant-output", "dead-units", "too-deep-without-normalization", "oversized-head"}),
        0.90,
        0.90,
        2,
        300,
    ),
    "R1, all ratios": Story(
        "radio", None, ("--snr", "-20", "30"), frozenset({"too-deep-without-normalization"}), None, None, 10, 300
    ),
    "R2": Story("photos", "cifar3_jpeg.npz", (), frozenset({"unscaled-input", "dead-units"}), 0.65, 0.65, 5, 300),
    "R3": Story("volumes", "signs6_72x56.npz", (), frozenset({"sorted-validation-split"}), 0.85, 0.85, 3, 300),
    "R4": Story(
        "metrics", "mnist10k.npz", (), frozenset({"class-blind-metrics", "extreme-batch-size"}), 0.97, 0.95, None, 300
    ),
}


def tell(story: Story, seed: int, data: Path | None, docs: Path | None = None) -> dict[str, Any]:
    """Run a program and return what it reports; write its page where a folder for pages is given."""
    command = [sys.executable, str(EXAMPLES / f"{story.program}.py"), "--json", "--seed", str(seed), *story.options]
    if data is not None and story.file is not None:
        found = sorted(data.resolve().rglob(story.file))
        if not found:
            sys.exit(f"{data} holds no {story.file}; leave --data out for generated data.")
        command += ["--data", str(found[0])]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
        run = {"seed": seed, **json.loads(done.stdout.splitlines()[-1])}
        if docs is not None:
            docs.mkdir(parents=True, exist_ok=True)
            (docs / f"{story.program}.png").write_bytes(picture(Path(folder), run))
            (docs / f"{story.program}.md").write_text(page(story, run))
    return run


def picture(folder: Path, run: dict[str, Any]) -> bytes:
    """Return what says most of a run: before and after, else the curves of a stuck run, else those of a healthy one."""
    name = "before_and_after.png" if run["prescription"] else "curves.png"
    drawn = next(folder.rglob(name), None)
    if drawn is not None:
        return drawn.read_bytes()
    from remedy.diagnosis import Examination
    from remedy.evidence.evidence import Evidence
    from remedy.reporting import figures

    evidence = Evidence.from_dict(json.loads(next(folder.rglob("evidence.json")).read_text()))
    return figures.png(figures.curves(evidence, Examination(), "Not stuck."))


def page(story: Story, run: dict[str, Any]) -> str:
    """Return the story of a program in Markdown: what was seen, what is wrong, what changed."""
    text = ast.get_docstring(ast.parse((EXAMPLES / f"{story.program}.py").read_text())) or ""
    title, usage, *told = text.split("\n\n")
    lines = "\n".join(f"- {line}" for line in run["words"])
    code = run["patch"] or "# nothing to change was found"
    from remedy.training.engines.process import cores

    there = "one core" if (n := cores()) == 1 else f"{n} cores"
    after = f", {run['balanced_accuracy_after']:.3f} after" if run["patch"] else ""
    compared = f"\nWhat `remedy.compare` says of the author's two models:\n\n```\n{run.get('comparison')}\n```\n"
    return f"""# {title.splitlines()[0].rstrip(".")}

{chr(10).join(told)}

```
{textwrap.dedent(usage)}
```

On {run["data"]}, seed {run["seed"]}, {run["seconds"]:.0f} seconds in all on {there}: balanced accuracy on
test rows {run["balanced_accuracy_before"]:.3f} before{after}.

What remedy says:

{lines}

> {run["conclusion"]}
{compared if "comparison" in run else ""}
![Before and after]({story.program}.png)

The patch:

```python
{code}
```

Made with `python benchmarks/stories.py --data DIR --docs docs/stories`.
"""


def faults(name: str, runs: list[dict[str, Any]], real: bool) -> list[str]:
    """Return what was promised of a program and did not come true."""
    story, found = STORIES[name], []
    for run in runs:
        missing = (story.names | story.real_names if real else story.names) - set(run["diagnoses"])
        if missing:
            found.append(f"{name}, seed {run['seed']}: {', '.join(sorted(missing))} was not said")
        if story.epoch is not None and not 0 <= (run["stuck_epoch"] if run["stuck"] else 10**9) <= story.epoch:
            found.append(f"{name}, seed {run['seed']}: not called stuck by epoch {story.epoch}")
        if run["seconds"] > story.seconds:
            found.append(f"{name}, seed {run['seed']}: {run['seconds']} s")
        if run.get("shallow") and run["balanced_accuracy_after"] < run["shallow"] - 0.05:
            found.append(f"{name}, seed {run['seed']}: a shallow model is better")
    shares = [run["advised_seconds"] / run["author_seconds"] for run in runs if run.get("advised_seconds")]
    if shares and statistics.median(shares) > ADVISED:
        found.append(f"{name}: with the advice it takes {statistics.median(shares):.2f} of the author's time")
    bar = story.bar if real and story.file else story.generated_bar
    reached = statistics.median(run["balanced_accuracy_after"] for run in runs)
    if bar is not None and reached < bar:
        found.append(f"{name}: {reached:.3f} of {bar:.2f}")
    return found


def table(told: dict[str, list[dict[str, Any]]]) -> str:
    """Return a row of Markdown for every program: medians over the seeds, the worst and best score in brackets."""
    lines = [
        "| program | data | stuck in epoch | before | after | shallow | seconds | prescription (first seed) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in told.items():
        before = statistics.median(r["balanced_accuracy_before"] for r in runs)
        after = sorted(r["balanced_accuracy_after"] for r in runs)
        epochs = sorted({"-" if r["stuck_epoch"] is None else str(r["stuck_epoch"]) for r in runs})
        span = f" ({after[0]:.3f} to {after[-1]:.3f})" if len(after) > 1 else ""
        shallow = f"{statistics.median(r['shallow'] for r in runs):.3f}" if "shallow" in runs[0] else ""
        seconds = statistics.median(r["seconds"] for r in runs)
        lines.append(
            f"| {name} | {runs[0]['data']} | {', '.join(epochs)} | {before:.3f} | {statistics.median(after):.3f}{span} "
            f"| {shallow} | {seconds:.0f} | {runs[0]['prescription'] or 'no fix proven'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the programs and say what was reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with the real data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=STORIES, default=list(STORIES), metavar="NAME")
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    parser.add_argument("--docs", type=Path, help="write a page and a picture of every program into this folder")
    args = parser.parse_args()
    told: dict[str, list[dict[str, Any]]] = {}
    for name in args.only:
        plain = name == next(n for n in STORIES if STORIES[n].program == STORIES[name].program)
        for seed in args.seeds:
            docs = args.docs if plain and seed == args.seeds[0] else None
            run = tell(STORIES[name], seed, args.data, docs)
            told.setdefault(name, []).append(run)
            print(name, json.dumps(run), flush=True)
    missed = [fault for name, runs in told.items() for fault in faults(name, runs, args.data is not None)]
    print(table(told), *missed, sep="\n")
    if args.json:
        print(json.dumps(told))
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
