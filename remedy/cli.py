"""The ``remedy`` command. It reads options and prints; what it does lives in `remedy.api`.

Exit codes: 0 done; 1 a run is stuck and no fix was found (tune), or is found stuck (diagnose);
2 wrong options; 3 not found; 4 the store cannot be reached; 5 the data does not match; 6 other.
"""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from remedy import __version__

EXIT_STUCK, EXIT_NOT_FOUND, EXIT_STORE, EXIT_DATA, EXIT_OTHER = 1, 3, 4, 5, 6


def _clear_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print a `RemedyError` as one line with its exit code; a traceback only with --debug."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from remedy import errors

        try:
            return command(*args, **kwargs)
        except errors.RemedyError as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            click.echo(f"remedy: {error}", err=True)
            codes = {errors.NotFound: EXIT_NOT_FOUND, errors.StoreError: EXIT_STORE, errors.DataMismatch: EXIT_DATA}
            sys.exit(next((code for kind, code in codes.items() if isinstance(error, kind)), EXIT_OTHER))

    return run


def _print_json(value: Any) -> None:
    click.echo(jsonlib.dumps(value, indent=1, default=str))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="remedy")
@click.option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow store; default ./mlruns/mlflow.db.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(tracking_uri: str | None, debug: bool) -> None:
    """Find out why a network does not learn, and mend it."""
    del debug
    if tracking_uri:
        import mlflow

        mlflow.set_tracking_uri(tracking_uri)


@main.command()
@click.option("--experiment", "-e", help="Treat every stuck run of this experiment that has no fix yet.")
@click.option("--run", "run_id", help="Treat this run.")
@click.option("--data", help="FILE.npz, or package.module:function that returns (X, y); where the store kept no data.")
@click.option("--force", is_flag=True, help="Take data whose digest is not that of the run.")
@click.option(
    "--resume", is_flag=True, help="Go on with searches that were killed; of all experiments if none is given."
)
@click.option("--trials", default=40, show_default=True, help="Most prescriptions to try.")
@click.option("--timeout", default=600.0, show_default=True, help="Seconds for each run's search.")
@click.option("--workers", default="auto", show_default=True, help="Trainings at a time, or auto.")
@click.option("--seed", default=0, show_default=True, help="Of splits and trainings; a resumed search keeps its own.")
@click.option("--storage", help="Optuna storage URL that keeps the study.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def tune(
    experiment: str | None,
    run_id: str | None,
    data: str | None,
    force: bool,
    resume: bool,
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
    if workers != "auto" and not workers.isdigit():
        raise click.UsageError(f"--workers {workers}: give a number, or auto.")
    from remedy import api, loading
    from remedy.report import Terminal
    from remedy.search import Search

    given = loading.load(data) if data else None
    found = api.tune(
        experiment,
        run_id=run_id,
        search=Search(
            trials=trials,
            timeout=timeout,
            seed=seed,
            workers=int(workers) if workers.isdigit() else workers,
            storage=storage,
        ),
        data=given,
        force=force,
        resume=resume,
        terminal=Terminal(quiet=as_json),
    )
    if as_json:
        _print_json({run: _treatment_json(treatment) for run, treatment in found.items()})
    elif not found:
        click.echo("No search was killed." if resume else "No run is stuck without a fix.")
    sys.exit(EXIT_STUCK if any(t.fix is None for t in found.values()) else 0)


@main.command()
@click.option("--run", "run_id", help="An MLflow run of any framework.")
@click.option("--experiment", "-e", help="Every run of this experiment.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def diagnose(run_id: str | None, experiment: str | None, as_json: bool) -> None:
    """Say what is wrong with logged runs, and what could not be seen."""
    if (experiment is None) == (run_id is None):
        raise click.UsageError("Give either --run ID or --experiment NAME.")
    from rich.console import Console

    from remedy import api, report, store

    runs = [store.get_run(run_id)] if run_id else store.find_runs(experiment, "")
    runs = [run for run in runs if run_id or run.data.tags.get("remedy.role", "fit") == "fit"]
    found = {run.info.run_id: api.diagnose(run_id=run.info.run_id) for run in runs}
    if as_json:
        _print_json({run: examination.to_dict() for run, examination in found.items()})
    else:
        console = Console(highlight=False)
        for run, examination in found.items():
            console.print(f"[bold]{run}[/] {report.verdict(examination)}", soft_wrap=True)
            console.print(report.examination_table(examination))
    sys.exit(EXIT_STUCK if any(e.stuck for e in found.values()) else 0)


@main.command()
@click.argument("name")
@_clear_errors
def explain(name: str) -> None:
    """Explain a detector (code or name) or a remedy (name)."""
    from rich.console import Console
    from rich.markdown import Markdown

    from remedy.catalogue import explain as page

    console = Console()
    text = page(name)
    if console.is_terminal:
        console.print(Markdown(text))
    else:
        click.echo(text)


@main.command()
@click.option("--markdown", is_flag=True, help="Print the whole documentation page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def catalogue(markdown: bool, as_json: bool) -> None:
    """List every detector and remedy, plugins included."""
    from remedy import catalogue as pages

    if as_json:
        _print_json(pages.rows())
    elif markdown:
        click.echo(pages.catalogue(), nl=False)
    else:
        for row in pages.rows():
            click.echo(f"{row['code']}  {row['name']:<20} {row['severity']:<8} {', '.join(row['remedies'])}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def doctor(as_json: bool) -> None:
    """Show versions, backend, GPUs, plugins, and whether the store can be reached."""
    from remedy.doctor import check_up

    found = check_up()
    if as_json:
        _print_json(found)
    else:
        for name, value in found.items():
            click.echo(f"{name:<18} {value}")
    sys.exit(0 if found["store reachable"] == "yes" else EXIT_STORE)


@main.command()
@click.option("--port", default=5000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--open/--no-open", "browser", default=True, help="Open a browser.")
@_clear_errors
def ui(port: int, host: str, browser: bool) -> None:
    """Serve MLflow's UI on the store."""
    from remedy.doctor import serve_ui

    sys.exit(serve_ui(host, port, browser))


def _treatment_json(treatment: Any) -> dict[str, Any]:
    fix = treatment.fix
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
    return {"conclusion": treatment.conclusion, "fix": told}
