"""The ``remedy`` command. It reads options and prints; what it does lives in `remedy.api`.

Exit codes: 0 done (compare: whether or not the runs differ); 1 a run is stuck and no fix was found (tune), or is found
stuck (diagnose, watch --once); 2 wrong options; 3 not found: no such experiment or run, or a deleted one, or a run
without a loss to examine; 4 the store cannot be reached, refuses the credentials, or is no store (a tracking URI of no
known kind); 5 the data does not match; 6 other.
"""

from __future__ import annotations

import click

from remedy._version import __version__
from remedy.cli._base import Commands
from remedy.cli.informing import catalogue, doctor, explain, ui
from remedy.cli.looking import diagnose, watch
from remedy.cli.treating import compare, tune

EXIT_CODES = """Exit codes: 0 done; 1 a run is stuck and no fix was found (tune), or is found stuck (diagnose, watch
--once); 2 wrong options; 3 not found; 4 the store cannot be reached; 5 the data does not match; 6 other."""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__, prog_name="remedy")
@click.option("--tracking-uri", envvar="MLFLOW_TRACKING_URI", help="MLflow store; default ./mlruns/mlflow.db.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(tracking_uri: str | None, debug: bool) -> None:
    """Find out why a network does not learn, and mend it."""
    del debug
    if tracking_uri:
        if not tracking_uri.isprintable():
            raise click.UsageError("--tracking-uri holds a character that no address can hold.")
        from remedy.tracking.connection import use_store

        use_store(tracking_uri)


for command in (tune, diagnose, compare, watch, explain, catalogue, doctor, ui):
    main.add_command(command)
