"""`orchestrator bars import | list | export`: the bars of the standing books."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from app.cli import CommandError, options
from app.cli.database import open_current_database, open_database
from app.cli.operator import audit_context
from db import bar_series
from db.core.session import Database
from domain import canonical
from domain.books import PAPER_BOOK, STANDING_BOOKS
from domain.context import Bar, PriceSide
from domain.ports import Feed
from domain.signal import Instrument
from operations import stored_bars
from operations.stored_bars import SeriesUnclear
from replay import bar_files
from replay.bar_files import BarFile, BarSpecInvalid
from replay.file_content import FileInvalid
from reporting.formatting import replace_unprintable

_BOOK = click.Choice(STANDING_BOOKS)


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="SYMBOL[:bid|:ask|:mid]=FILE...")
@click.option("--book", type=_BOOK, default=PAPER_BOOK, show_default=True, help="Book that the bars are for.")
@click.option(
    "--timezone",
    "timezones",
    multiple=True,
    metavar="[SYMBOL=]ZONE",
    help="Time zone of files whose times have no offset, of all or of one symbol's; repeatable.",
)
@click.option(
    "--calendar",
    "calendars",
    multiple=True,
    metavar="[SYMBOL=]NAME",
    help="Calendar of the exchange, such as XNYS or 24/7, of all files or of one symbol's; repeatable.",
)
@options.OPTIONAL_REASON
@options.DATA_DIR
@options.JSON
def import_(
    *,
    files: tuple[str, ...],
    book: str,
    timezones: tuple[str, ...],
    calendars: tuple[str, ...],
    reason: str,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Add history to the bars of a book.

    Files are read as `bars check` reads them, and what is assumed of them is printed first. A bar that is stored stays
    as it is; how many differ from it is told. The same import again changes nothing.
    """
    inspected = _inspect(files, timezones=timezones, calendars=calendars)
    for line in (line for file in inspected for line in bar_files.format_lines(file)):
        click.echo(replace_unprintable(line), err=True)
    with open_current_database(data_dir) as (_, database), _refuse_unclear():
        documents = [_import_file(database, file, book=book, reason=reason) for file in inspected]
    if as_json:
        click.echo(json.dumps(documents, indent=2))
        return
    for document in documents:
        for line in _format_import(document):
            click.echo(replace_unprintable(line))


@click.command("list")
@click.argument("symbol", required=False)
@click.option("--book", type=_BOOK, help="Only bars of this book.")
@options.DATA_DIR
@options.JSON
def list_(*, symbol: str | None, book: str | None, data_dir: Path | None, as_json: bool) -> None:
    """List the stored bars: all series, or those of SYMBOL.

    A gap is a time between two bars at which the instrument is traded.
    """
    with open_database(data_dir) as (_, database), database.snapshot() as session, _refuse_unclear():
        documents = stored_bars.list_series(session, book=book, symbol=symbol)
    if as_json:
        click.echo(json.dumps(documents, indent=2))
        return
    if not documents:
        click.echo("no bars are stored; `orchestrator bars import` adds history", err=True)
    for document in documents:
        click.echo(replace_unprintable(_format_series(document)))


@click.command()
@click.argument("symbol")
@click.option("--book", type=_BOOK, default=PAPER_BOOK, show_default=True, help="Book that the bars are of.")
@click.option("--interval", metavar="INTERVAL", help="Interval of the series, such as 1h, where there are several.")
@click.option("--side", type=click.Choice([side.value for side in PriceSide]), help="Side, where there are several.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write (default: stdout).")
@options.DATA_DIR
def export(
    *, symbol: str, book: str, interval: str | None, side: str | None, output: Path | None, data_dir: Path | None
) -> None:
    """Write the stored bars of SYMBOL as CSV.

    `bars check`, `bars import` and `replay` read it again.
    """
    with open_database(data_dir) as (_, database), database.snapshot() as session, _refuse_unclear():
        feed = stored_bars.find_feed(session, book=book, symbol=symbol, interval=interval, side=side)
        bars = bar_series.stream_bars(session, feed)
        if output is None:
            _write_csv(sys.stdout, bars)
        else:
            with output.open("w", newline="", encoding="utf-8") as file:
                _write_csv(file, bars)
            click.echo(f"{stored_bars.format_feed(feed)}: written to {output}", err=True)


def _inspect(files: Sequence[str], *, timezones: Sequence[str], calendars: Sequence[str]) -> tuple[BarFile, ...]:
    """Read the files to their ends; an error in one ends the command before anything is stored."""
    try:
        return bar_files.inspect_bar_files(bar_files.parse_specs(files, timezones=timezones, calendars=calendars))
    except BarSpecInvalid as error:
        raise CommandError(str(error)) from None
    except FileInvalid as error:
        raise click.ClickException(replace_unprintable(str(error))) from None


def _import_file(database: Database, file: BarFile, *, book: str, reason: str) -> dict[str, Any]:
    """Import one file in a transaction of its own, under the name that the book's alerts have for its instrument."""
    with database.transaction() as session:
        instrument = stored_bars.choose_instrument(session, book, file.spec.instrument)
        _announce_name(file.spec.instrument, instrument)
        feed = Feed(book=book, instrument=instrument, interval=file.interval, side=file.spec.side)
        return stored_bars.import_bars(session, feed, bar_files.read_bars(file), audit=audit_context(reason))


def _announce_name(named: Instrument, chosen: Instrument) -> None:
    if chosen != named:
        names = (stored_bars.format_instrument(instrument) for instrument in (named, chosen))
        line = "{} is stored as {}, {}: that is how alerts name it".format(*names, chosen.kind.value)
        click.echo(replace_unprintable(line), err=True)


def _format_import(document: Mapping[str, Any]) -> Iterator[str]:
    name = f"{document['exchange']}:{document['symbol']}".removeprefix(":")
    yield (
        f"{document['book']}: {name} {document['interval']} {document['side']}: {document['added']} bars added,"
        f" {document['known']} were there"
    )
    if document["differing"]:
        first = document["first_differing"]
        yield f"  {document['differing']} of these have other prices, which stay as they are (first at {first})"
    if document["overlapping"]:
        first = document["first_overlapping"]
        yield f"  left out: {document['overlapping']} that overlap stored bars with other opens (first at {first})"
    if document["still_open"]:
        yield f"  left out: {document['still_open']} that had not closed yet"


def _format_series(document: Mapping[str, Any]) -> str:
    name = f"{document['exchange']}:{document['symbol']}".removeprefix(":")
    span = " to ".join(document[end][:16].replace("T", " ") for end in ("first", "last"))
    key = f"{document['book']:<6} {name:<20} {document['instrument_kind']:<8} {document['interval']:<4}"
    gaps = "no gap" if not document["gaps"] else f"{document['gaps']} gaps{_format_largest(document)}"
    return f"{key} {document['side']:<4} {document['bars']:>8} bars  {span}  {gaps}"


def _format_largest(document: Mapping[str, Any]) -> str:
    spans = (f"{gap['from'][:16]} to {gap['to'][:16]}".replace("T", " ") for gap in document["largest_gaps"])
    return f", the largest {'; '.join(spans)}"


def _write_csv(file: IO[str], bars: Iterable[Bar]) -> None:
    """Write bars in the plain form of bar files; a volume that is not known is left empty."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(bar_files.HEADER_WITH_VOLUME.split(","))
    for bar in bars:
        prices = (canonical.format_number(price) for price in (bar.open, bar.high, bar.low, bar.close))
        volume = "" if bar.volume is None else canonical.format_number(bar.volume)
        writer.writerow((bar.open_time.isoformat(), *prices, volume))


@contextmanager
def _refuse_unclear() -> Iterator[None]:
    try:
        yield
    except SeriesUnclear as error:
        raise CommandError(replace_unprintable(str(error))) from None
