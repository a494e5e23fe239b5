"""The commands that train: tune and compare."""

from __future__ import annotations

import sys
from typing import Any

import click

from remedy.cli._base import EXIT_STUCK, alone, clear_errors, print_json, working
from remedy.doors import load_keras


@click.command()
@click.option("--experiment", "-e", help="Treat every stuck run of this experiment that has no fix yet.")
@click.option("--run", "run_id", help="Treat this run.")
@click.option("--data", help="FILE.npz, or module:function that returns (X, y) or a stream; if the store kept no data.")
@click.option("--force", is_flag=True, help="Take data whose digest is not that of the run.")
@click.option(
    "--resume", is_flag=True, help="Go on with searches that were killed; of all experiments if none is given."
)
@click.option("--dry-run", is_flag=True, help="List what would be treated, and train nothing.")
@click.option("--trials", default=40, show_default=True, type=click.IntRange(1), help="Most prescriptions to try.")
@click.option(
    "--timeout",
    default=600.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds for each run's search.",
)
@click.option("--workers", default="auto", show_default=True, help="Trainings at a time, or auto.")
@click.option("--seed", default=0, show_default=True, help="Of splits and trainings; a resumed search keeps its own.")
@click.option("--storage", help="Optuna storage URL that keeps the study.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@clear_errors
def tune(
    experiment: str | None,
    run_id: str | None,
    data: str | None,
    force: bool,
    resume: bool,
    dry_run: bool,
    trials: int,
    timeout: float,
    workers: str,
    seed: int,
    storage: str | None,
    as_json: bool,
) -> None:
    """Search a fix for stuck runs, without the script that trained them."""
    if (experiment is None) == (run_id is None) and not (resume and run_id is None):
        raise click.UsageError("Give either --experiment NAME or --run ID.")
    if workers != "auto" and not (workers.isascii() and workers.isdecimal() and int(workers) > 0):
        raise click.UsageError(f"--workers {workers}: give a number from 1, or auto.")
    if dry_run and resume:
        raise click.UsageError("--dry-run lists runs without a fix; which searches were killed only --resume finds.")
    if dry_run:
        _list_waiting(experiment, run_id, as_json)
        return
    load_keras()
    from remedy.data import files as loading
    from remedy.repair.tuning import tune as tune_runs
    from remedy.reporting.terminal import Terminal
    from remedy.search.options import Search
    from remedy.tracking.waiting import untreatable

    search = Search(
        trials=trials,
        timeout=timeout,
        seed=seed,
        workers=workers if workers == "auto" else int(workers),
        storage=storage,
    )
    with alone(as_json):
        found = tune_runs(
            experiment,
            run_id=run_id,
            search=search,
            data=loading.load(data) if data else None,
            force=force,
            resume=resume,
            terminal=Terminal(quiet=as_json),
        )
    if as_json:
        print_json({run: _treatment_json(repaired) for run, repaired in found.items()})
    elif not found:
        why = None if resume else untreatable(experiment)
        click.echo("No search was killed." if resume else why or "No run is stuck without a fix.")
    sys.exit(EXIT_STUCK if any(t.fix is None for t in found.values()) else 0)


def _list_waiting(experiment: str | None, run_id: str | None, as_json: bool) -> None:
    """Print the runs that would be treated: one a line, or as JSON."""
    from remedy.errors import visible
    from remedy.tracking.lease import other_holder
    from remedy.tracking.waiting import untreatable, waiting

    def facts(run: Any) -> dict[str, Any]:
        tags = run.data.tags
        told = {name: tags.get(f"remedy.{name}") for name in ("code", "cause", "stuck_epoch")}
        return {"run_id": run.info.run_id, "name": run.info.run_name, **told, "searched_by": other_holder(tags)}

    found = [facts(run) for run in waiting(experiment, run_id)]
    if as_json:
        print_json(found)
        return
    for run in found:
        held = f", searched by {run['searched_by']}" if run["searched_by"] else ""
        why = f"{run['code']} {run['cause']} since epoch {run['stuck_epoch']}" if run["code"] else "not stuck"
        click.echo(visible(f"{run['run_id']}  {run['name']}  {why}{held}"))
    free = sum(run["searched_by"] is None for run in found)
    many = "1 run" if free == 1 else f"{free} runs"
    click.echo(f"{many} would be treated." if found else untreatable(experiment) or "No run is stuck without a fix.")


@click.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option("--train", is_flag=True, help="Train A with one difference of B at a time: which one made the result?")
@click.option("--epochs", type=click.IntRange(1), help="Of every training; default those of the runs.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="Trainings of every recipe.")
@click.option("--data", help="FILE.npz, or module:function that returns (X, y) or a stream; if the store kept no data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@clear_errors
def compare(
    run_a: str, run_b: str, train: bool, epochs: int | None, seeds: int, data: str | None, as_json: bool
) -> None:
    """Say what differs between two logged runs; spellings of one thing are no difference."""
    load_keras()
    from rich.console import Console

    from remedy.comparing import comparison, runs
    from remedy.data import files as loading

    def told(name: str, score: float | None) -> None:
        click.echo(f"trained {name}: {'failed' if score is None else f'{score:.3f}'}", err=True)

    with alone(as_json), working("Training one difference at a time ..." if train else "Comparing ..."):
        found = runs.compare_runs(
            run_a,
            run_b,
            train=train,
            epochs=epochs,
            seeds=range(seeds),
            data=loading.load(data) if data else None,
            on_training=None if as_json else told,
        )
    console = Console(highlight=False)
    if as_json:
        print_json(found.to_dict())
    elif console.is_terminal:
        for part in comparison.tables(found):
            console.print(part)
    else:
        click.echo(str(found))


def _treatment_json(repaired: Any) -> dict[str, Any]:
    fix = repaired.fix
    told = None
    if fix is not None:
        told = {
            "run_id": fix.run_id,
            "prescription": fix.prescription.to_list(),
            "score": fix.score,
            "baseline_score": fix.baseline_score,
            "confirmed": fix.confirmed,
            "patch": fix.patch,
        }
    return {"conclusion": repaired.conclusion, "fix": told}
