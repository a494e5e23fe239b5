"""The commands that look at runs: diagnose and watch."""

from __future__ import annotations

import sys

import click

from remedy.cli._base import EXIT_NOT_FOUND, EXIT_STORE, EXIT_STUCK, clear_errors, print_json, working
from remedy.doors import load_keras


@click.command()
@click.option("--run", "run_id", help="An MLflow run of any framework.")
@click.option("--experiment", "-e", help="Every run of this experiment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@clear_errors
def diagnose(run_id: str | None, experiment: str | None, as_json: bool) -> None:
    """Say what is wrong with logged runs, and what could not be seen."""
    if (experiment is None) == (run_id is None):
        raise click.UsageError("Give either --run ID or --experiment NAME.")
    load_keras()
    from rich.console import Console

    from remedy import api
    from remedy.errors import visible
    from remedy.reporting import text as report
    from remedy.tracking import queries

    with working("Examining what was logged ..."):
        runs = [queries.get_run(run_id)] if run_id else queries.find_runs(experiment, "")
        runs = [run for run in runs if run_id or run.data.tags.get("remedy.role", "fit") == "fit"]
        found = {run.info.run_id: api.diagnose(run_id=run.info.run_id) for run in runs}
    if as_json:
        print_json({run: examination.to_dict() for run, examination in found.items()})
    else:
        console = Console(highlight=False)
        for run in runs:
            run_id, examination = run.info.run_id, found[run.info.run_id]
            console.print(f"{visible(run.info.run_name)} ({run_id})", style="bold", markup=False, soft_wrap=True)
            console.print(report.verdict(examination), markup=False, soft_wrap=True)
            console.print(report.examination_table(examination))
            ours = run.data.tags.get("remedy.role") == "fit"
            console.print(f"Next: {report.next_command(run_id, examination, ours)}\n", markup=False, soft_wrap=True)
    if not runs:
        click.echo(f"Experiment {experiment!r} has no run.", err=True)
    if any(e.stuck for e in found.values()):
        sys.exit(EXIT_STUCK)
    sys.exit(EXIT_NOT_FOUND if all(e.blind for e in found.values()) else 0)


@click.command()
@click.option("--experiment", "-e", required=True, help="Watch the live runs of this experiment.")
@click.option("--every", default=10.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Seconds.")
@click.option("--on-stuck", metavar="CMD", help="Start this once for each stuck run; facts in REMEDY_*, JSON on stdin.")
@click.option("--webhook", metavar="URL", help="Post JSON there once for each stuck run.")
@click.option("--once", is_flag=True, help="Look once: exit code 1 if a run is stuck, 0 if not.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@clear_errors
def watch(experiment: str, every: float, on_stuck: str | None, webhook: str | None, once: bool, as_json: bool) -> None:
    """Follow live runs of any framework and say what goes wrong, until Ctrl-C."""
    from remedy.errors import InvalidInput
    from remedy.monitoring import notify
    from remedy.monitoring.follow import Lines, follow
    from remedy.monitoring.watch import Watch
    from remedy.registry import chosen_detectors

    tellers: list[notify.Command | notify.Webhook] = []
    try:
        tellers += [notify.Command(on_stuck)] if on_stuck is not None else []
        tellers += [notify.Webhook(webhook)] if webhook is not None else []
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    watching = Watch(experiment, chosen_detectors())
    stuck = follow(watching, Lines(experiment, as_json), tellers, every, once)
    sys.exit(0 if not once else EXIT_STUCK if stuck else EXIT_STORE if watching.failures else 0)
