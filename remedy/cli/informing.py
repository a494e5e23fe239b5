"""The commands that tell of remedy itself: explain, catalogue, doctor and ui."""

from __future__ import annotations

import sys

import click

from remedy.cli._base import EXIT_STORE, clear_errors, print_json, working
from remedy.doors import load_keras


@click.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@clear_errors
def explain(name: str, as_json: bool) -> None:
    """Explain a detector (code or name) or a remedy (name)."""
    from rich.console import Console
    from rich.markdown import Markdown

    from remedy.catalogue import explain as page

    console = Console()
    text = page(name)
    if as_json:
        print_json({"name": name, "markdown": text})
    elif console.is_terminal:
        console.print(Markdown(text))
    else:
        click.echo(text)


@click.command()
@click.option("--markdown", is_flag=True, help="Print the whole documentation page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@clear_errors
def catalogue(markdown: bool, as_json: bool) -> None:
    """List every detector and remedy, plugins included."""
    from remedy import catalogue as pages

    if as_json:
        print_json(pages.rows())
    elif markdown:
        click.echo(pages.catalogue(), nl=False)
    else:
        for row in pages.rows():
            click.echo(f"{row['code']}  {row['name']:<20} {row['severity']:<8} {', '.join(row['remedies'])}")
        click.echo("\nRemedies (`remedy explain NAME` says what each does):")
        for name, said in pages.summaries().items():
            click.echo(f"{name:<22} {said}")


@click.command()
@click.option("--repair", is_flag=True, help="Close the runs that killed processes of this machine left open.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@clear_errors
def doctor(repair: bool, as_json: bool) -> None:
    """Show versions, backend, GPUs, plugins, and whether the store can be reached."""
    if repair:
        from remedy.errors import visible
        from remedy.tracking.leftovers import close_leftovers

        done = close_leftovers()
        if as_json:
            print_json(done)
        else:
            click.echo(visible("\n".join(done) or "No run was left open by a process of this machine.", lines=True))
        return
    load_keras()
    from remedy.doctor import check_up

    with working("Looking at this machine ..."):
        found = check_up()
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            click.echo(f"{name:<18} {value}")
    sys.exit(0 if found["store reachable"] == "yes" else EXIT_STORE)


@click.command()
@click.option("--port", default=5000, show_default=True, type=click.IntRange(1, 65535))
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--open/--no-open", "browser", default=True, help="Open a browser.")
@clear_errors
def ui(port: int, host: str, browser: bool) -> None:
    """Serve MLflow's UI on the store."""
    from remedy.doctor import serve_ui

    sys.exit(serve_ui(host, port, browser))
