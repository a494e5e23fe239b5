"""The ``remedy`` command. It reads options and prints; what it does lives in `remedy.api`.

Exit codes: 0 done (compare: whether or not the runs differ); 1 a run is stuck and no fix was found (tune), or is found
stuck (diagnose, watch --once); 2 wrong options; 3 not found: no such experiment or run, or a deleted one, or a run
without a loss to examine; 4 the store cannot be reached, refuses the credentials, or is no store (a tracking URI of no
known kind); 5 the data does not match; 6 other.
"""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import wraps
from typing import Any

import click

from remedy._version import __version__

EXIT_STUCK, EXIT_NOT_FOUND, EXIT_STORE, EXIT_DATA, EXIT_OTHER = 1, 3, 4, 5, 6


def _clear_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print an error as one line with its exit code; a traceback only with --debug."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from remedy import errors

        try:
            return command(*args, **kwargs)
        except (click.exceptions.Exit, click.Abort, click.ClickException):
            raise
        except Exception as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            if isinstance(error, errors.RemedyError):
                click.echo(f"remedy: {error}", err=True)
            else:
                text = " ".join(str(error).split())
                click.echo(f"remedy: {type(error).__name__}: {text} (remedy --debug ... shows where.)", err=True)
            codes = {errors.NotFound: EXIT_NOT_FOUND, errors.StoreError: EXIT_STORE, errors.DataMismatch: EXIT_DATA}
            sys.exit(next((code for kind, code in codes.items() if isinstance(error, kind)), EXIT_OTHER))

    return run


@contextmanager
def _alone(as_json: bool) -> Iterator[None]:
    """Keep stdout for the JSON: what Keras, MLflow and the user's own layers print meanwhile goes to stderr."""
    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def _working(text: str) -> Iterator[None]:
    """Show on a terminal that something goes on, on stderr; elsewhere nothing is shown."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def _print_json(value: Any) -> None:
    click.echo(jsonlib.dumps(value, indent=1, default=str))


EXIT_CODES = """Exit codes: 0 done; 1 a run is stuck and no fix was found (tune), or is found stuck (diagnose, watch
--once); 2 wrong options; 3 not found; 4 the store cannot be reached; 5 the data does not match; 6 other."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="remedy")
@click.option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow store; default ./mlruns/mlflow.db.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(tracking_uri: str | None, debug: bool) -> None:
    """Find out why a network does not learn, and mend it."""
    del debug
    if tracking_uri:
        from remedy.tracking.connection import use_store

        use_store(tracking_uri)


@main.command()
@click.option("--experiment", "-e", help="Treat every stuck run of this experiment that has no fix yet.")
@click.option("--run", "run_id", help="Treat this run.")
@click.option("--data", help="FILE.npz, or module:function that returns (X, y) or a stream; if the store kept no data.")
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
    from remedy.data import files as loading
    from remedy.repair.tuning import tune as tune_runs
    from remedy.reporting.terminal import Terminal
    from remedy.search.options import Search

    search = Search(
        trials=trials,
        timeout=timeout,
        seed=seed,
        workers=int(workers) if workers.isdigit() else workers,
        storage=storage,
    )
    with _alone(as_json):
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
        _print_json({run: _treatment_json(repaired) for run, repaired in found.items()})
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

    from remedy import api
    from remedy.reporting import text as report
    from remedy.tracking import queries

    with _working("Examining what was logged ..."):
        runs = [queries.get_run(run_id)] if run_id else queries.find_runs(experiment, "")
        runs = [run for run in runs if run_id or run.data.tags.get("remedy.role", "fit") == "fit"]
        found = {run.info.run_id: api.diagnose(run_id=run.info.run_id) for run in runs}
    if as_json:
        _print_json({run: examination.to_dict() for run, examination in found.items()})
    else:
        console = Console(highlight=False)
        for run, examination in found.items():
            console.print(f"[bold]{run}[/] {report.verdict(examination)}", soft_wrap=True)
            console.print(report.examination_table(examination))
    if not runs:
        click.echo(f"Experiment {experiment!r} has no run.", err=True)
    if any(e.stuck for e in found.values()):
        sys.exit(EXIT_STUCK)
    sys.exit(EXIT_NOT_FOUND if all(e.blind for e in found.values()) else 0)


@main.command()
@click.argument("run_a")
@click.argument("run_b")
@click.option("--train", is_flag=True, help="Train A with one difference of B at a time: which one made the result?")
@click.option("--epochs", type=click.IntRange(1), help="Of every training; default those of the runs.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="Trainings of every recipe.")
@click.option("--data", help="FILE.npz, or module:function that returns (X, y) or a stream; if the store kept no data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def compare(
    run_a: str, run_b: str, train: bool, epochs: int | None, seeds: int, data: str | None, as_json: bool
) -> None:
    """Say what differs between two logged runs; spellings of one thing are no difference."""
    from rich.console import Console

    from remedy.comparing import comparison, runs
    from remedy.data import files as loading

    def told(name: str, score: float | None) -> None:
        click.echo(f"trained {name}: {'failed' if score is None else f'{score:.3f}'}", err=True)

    with _alone(as_json), _working("Training one difference at a time ..." if train else "Comparing ..."):
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
        _print_json(found.to_dict())
    elif console.is_terminal:
        for part in comparison.tables(found):
            console.print(part)
    else:
        click.echo(str(found))


@main.command()
@click.option("--experiment", "-e", required=True, help="Watch the live runs of this experiment.")
@click.option("--every", default=10.0, show_default=True, type=click.FloatRange(0, min_open=True), help="Seconds.")
@click.option("--on-stuck", metavar="CMD", help="Start this once for each stuck run; facts in REMEDY_*, JSON on stdin.")
@click.option("--webhook", metavar="URL", help="Post JSON there once for each stuck run.")
@click.option("--once", is_flag=True, help="Look once: exit code 1 if a run is stuck, 0 if not.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@_clear_errors
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
    stuck = follow(Watch(experiment, chosen_detectors()), Lines(experiment, as_json), tellers, every, once)
    sys.exit(EXIT_STUCK if once and stuck else 0)


@main.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def explain(name: str, as_json: bool) -> None:
    """Explain a detector (code or name) or a remedy (name)."""
    from rich.console import Console
    from rich.markdown import Markdown

    from remedy.catalogue import explain as page

    console = Console()
    text = page(name)
    if as_json:
        _print_json({"name": name, "markdown": text})
    elif console.is_terminal:
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
        click.echo("\nRemedies (`remedy explain NAME` says what each does):")
        for name, said in pages.summaries().items():
            click.echo(f"{name:<22} {said}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_clear_errors
def doctor(as_json: bool) -> None:
    """Show versions, backend, GPUs, plugins, and whether the store can be reached."""
    from remedy.doctor import check_up

    with _working("Looking at this machine ..."):
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
