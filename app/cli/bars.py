"""`orchestrator bars`: what a bar file holds, and the bars of the standing books."""

from __future__ import annotations

import json
from pathlib import Path

import click

from app.cli import CommandError, LazyGroup, options
from replay import bar_files
from replay.bar_files import BarSpecInvalid
from replay.file_content import FileInvalid
from reporting.formatting import replace_unprintable


@click.group(
    name="bars",
    cls=LazyGroup,
    locations={
        "import": "app.cli.stored_bars:import_",
        "list": "app.cli.stored_bars:list_",
        "export": "app.cli.stored_bars:export",
    },
)
def command() -> None:
    """Read files of bars, and keep the bars of the books."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--timezone", metavar="ZONE", help="Time zone of times without an offset, such as America/New_York.")
@click.option("--calendar", metavar="NAME", help="Calendar of its exchange, such as XNYS, or 24/7.")
@options.JSON
def check(*, file: Path, timezone: str | None, calendar: str | None, as_json: bool) -> None:
    """Read a bar file, and say what it holds.

    Says its form, time zone and interval, its first and last bar, and the rows and columns that are left out. A file
    that cannot be used ends the command with exit code 1, and with the line, the column and what would be right.
    """
    try:
        spec = bar_files.spec_of_file(file, bar_files.parse_options(timezone=timezone, calendar=calendar))
        inspected = bar_files.inspect_bar_file(spec)
    except BarSpecInvalid as error:
        raise CommandError(str(error)) from None
    except FileInvalid as error:
        raise click.ClickException(replace_unprintable(str(error))) from None
    if as_json:
        click.echo(json.dumps(bar_files.describe(inspected), indent=2))
        return
    for line in bar_files.format_lines(inspected):
        click.echo(replace_unprintable(line))
