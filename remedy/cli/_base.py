"""What the commands share: exit codes, errors in one line, JSON alone on standard output."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import wraps
from typing import Any

import click

from remedy.errors import did_you_mean

EXIT_STUCK, EXIT_NOT_FOUND, EXIT_STORE, EXIT_DATA, EXIT_OTHER = 1, 3, 4, 5, 6


def clear_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Print an error as one line with its exit code; a traceback only with --debug."""

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        from remedy import errors

        try:
            return command(*args, **kwargs)
        except (click.exceptions.Exit, click.Abort, click.ClickException, BrokenPipeError):
            raise  # Who reads no further, as `head` does, wants to hear nothing of it: click ends quietly.
        except Exception as error:
            if click.get_current_context().find_root().params.get("debug"):
                raise
            if isinstance(error, errors.RemedyError):
                click.echo(f"remedy: {errors.visible(error, lines=True)}", err=True)
            else:
                text = errors.visible(" ".join(str(error).split()))
                click.echo(f"remedy: {type(error).__name__}: {text} (remedy --debug ... shows where.)", err=True)
            codes = {errors.NotFound: EXIT_NOT_FOUND, errors.StoreError: EXIT_STORE, errors.DataMismatch: EXIT_DATA}
            sys.exit(next((code for kind, code in codes.items() if isinstance(error, kind)), EXIT_OTHER))

    return run


@contextmanager
def alone(as_json: bool) -> Iterator[None]:
    """Keep stdout for the JSON: what Keras, MLflow and the user's own layers print meanwhile goes to stderr."""
    if not as_json:
        yield
        return
    with redirect_stdout(sys.stderr):
        yield


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show on a terminal that something goes on, on stderr; elsewhere nothing is shown."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


def print_json(value: Any) -> None:
    click.echo(jsonlib.dumps(value, indent=1, default=str))


class Commands(click.Group):
    """A group that says which command was probably meant."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command; of one that is not there name its neighbour."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = did_you_mean(args[0], self.list_commands(ctx))
            ctx.fail(f"No such command {args[0]!r}.{near}")
        return super().resolve_command(ctx, args)
