"""`orchestrator sources`: who may post alerts, and what to paste into TradingView."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from alerts import template
from app.cli import CommandError, options, source_listing, source_options
from app.cli.database import open_current_database
from app.cli.operator import audit_context
from db import sources
from db.sources import BookUnknown, SourceExists, SourceUnknown
from domain.books import PAPER_BOOK, STANDING_BOOKS
from domain.signal import Source
from operations import netting
from operations import sources as source_operations
from reporting.formatting import replace_unprintable

_BAR_FEED_INSTRUCTIONS = """\
Make a second alert on the same chart: condition "Price", such as "Greater Than" 0, trigger "Once Per Bar Close".
Each closed bar is stored for the book of the source and shows that the source is alive; it is never a signal.

Webhook URL (in the alert's Notifications tab):

  {url}

Message:

{bars}"""
_INSTRUCTIONS = """\
Webhook URL (in the alert's Notifications tab):

  {url}

Message of a strategy's alert (give each strategy a name of its own: it keeps their trades apart):

{strategy}

Message of an indicator's alert that opens a long (say "short" to open a short):

{buy}

... and of one that closes it:

{exit}

Try it from here; this is a test, which touches no figures:

  {curl}
"""


@click.group()
def command() -> None:
    """Manage the sources that may post alerts."""


@command.command()
@click.argument("name")
@click.option("--book", default=PAPER_BOOK, show_default=True, help="Book its signals go to.")
@source_options.add_options
@options.OPTIONAL_REASON
@options.DATA_DIR
@options.JSON
def add(
    *, name: str, book: str, mapped: tuple[str, ...], reason: str, data_dir: Path | None, as_json: bool, **fields: Any
) -> None:
    """Add the source NAME and print its webhook URL."""
    source = source_options.build_source({"name": name, "book": book} | _drop_none(fields), mapped=mapped)
    with open_current_database(data_dir) as (settings, database), _refusals_of_add(source):
        links = source_options.make_links(settings, data_dir)
        with database.transaction() as session:
            document = source_operations.add(session, source, links=links, audit=audit_context(reason))
            note = netting.describe_for_source(session, source)
    _show_note(note)
    click.echo(_encode(document) if as_json else document["url"])


@command.command("set")
@click.argument("name")
@source_options.add_options
@source_options.add_unset_options
@options.OPTIONAL_REASON
@options.DATA_DIR
@options.JSON
def set_(
    *,
    name: str,
    mapped: tuple[str, ...],
    unset: tuple[str, ...],
    reason: str,
    data_dir: Path | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Change settings of the source NAME.

    What is given holds for its next alerts, all else stays. Each `--symbol` is added to those it has.
    """
    changes = _drop_none(fields)
    _require_changes(changes, unset=unset, mapped=mapped)

    def edit(source: Source) -> Source:
        present = source_operations.describe_settings(source)
        kept = {field: value for field, value in present.items() if field not in unset}
        return source_options.build_source(kept | changes, mapped=mapped)

    with open_current_database(data_dir) as (settings, database), _refuse_unknown(name):
        links = source_options.make_links(settings, data_dir)
        with database.transaction() as session:
            document = source_operations.change(session, name, edit, links=links, audit=audit_context(reason))
    click.echo(_encode(document["source"]) if as_json else _format_changes(document["changed"]))


@command.command()
@click.argument("name")
@click.option(
    "--keep",
    type=click.IntRange(0, source_operations.MAX_KEEP_S),
    default=source_operations.DEFAULT_KEEP_S,
    show_default=True,
    metavar="SECONDS",
    help="How long the present token is accepted beside the new one; 0 ends it within seconds.",
)
@options.OPTIONAL_REASON
@options.DATA_DIR
@options.JSON
def rotate(*, name: str, keep: int, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Give the source NAME a new token and print its URL.

    The present token is still accepted for a day, or as long as `--keep` says.
    """
    with open_current_database(data_dir) as (settings, database), _refuse_unknown(name):
        links = source_options.make_links(settings, data_dir)
        with database.transaction() as session:
            document = source_operations.rotate(session, name, keep_s=keep, links=links, audit=audit_context(reason))
    until: datetime = document["previous_until"]
    if as_json:
        click.echo(_encode(document | {"previous_until": until.isoformat()}))
        return
    click.echo(document["url"])
    end = f"until {until:%Y-%m-%d %H:%M} UTC" if keep else "no longer"
    click.echo(f"the URL before it is accepted {end}", err=True)


@command.command()
@click.argument("name")
@options.OPTIONAL_REASON
@options.DATA_DIR
def disable(*, name: str, reason: str, data_dir: Path | None) -> None:
    """Refuse alerts of the source NAME from now on."""
    with open_current_database(data_dir) as (_, database), _refuse_unknown(name), database.transaction() as session:
        source_operations.disable(session, name, audit=audit_context(reason))
    click.echo(f"disabled: {name}")


@command.command()
@click.argument("name")
@options.OPTIONAL_REASON
@options.DATA_DIR
def enable(*, name: str, reason: str, data_dir: Path | None) -> None:
    """Accept alerts of the source NAME again."""
    with open_current_database(data_dir) as (_, database), _refuse_unknown(name), database.transaction() as session:
        source_operations.enable(session, name, audit=audit_context(reason))
        note = netting.describe_for_source(session, sources.by_name(session, name).source)
    _show_note(note)
    click.echo(f"enabled: {name}")


@command.command("renewed")
@click.argument("name")
@options.OPTIONAL_REASON
@options.DATA_DIR
def record_renewal(*, name: str, reason: str, data_dir: Path | None) -> None:
    """Record that the source's alerts were made anew.

    TradingView ends alerts after two months; an incident is opened before that.
    """
    with open_current_database(data_dir) as (_, database), _refuse_unknown(name), database.transaction() as session:
        source_operations.record_renewal(session, name, audit=audit_context(reason))
    click.echo(f"noted: the alerts of {name} were made anew")


@command.command("template")
@click.argument("name")
@click.option("--bars", "is_bar_feed", is_flag=True, help="Print the message of a bar feed instead.")
@options.DATA_DIR
@options.JSON
def template_(*, name: str, is_bar_feed: bool, data_dir: Path | None, as_json: bool) -> None:
    """Print what to paste into a TradingView alert.

    That is the webhook URL of the source NAME, and messages for alerts of strategies and of indicators; with `--bars`
    the message of a second alert on the same chart, which brings each closed bar and is never a signal.
    """
    with open_current_database(data_dir) as (settings, database), _refuse_unknown(name):
        links = source_options.make_links(settings, data_dir)
        with database.transaction() as session:
            url = source_operations.document(sources.by_name(session, name), links)["url"]
    if url is None:
        raise CommandError(
            f"the token of {name!r} was encrypted under another SECRET_KEY; give it a new one: sources rotate"
        )
    messages = source_operations.alert_messages()
    if as_json:
        click.echo(_encode({"url": url} | messages))
        return
    if is_bar_feed:
        click.echo(_BAR_FEED_INSTRUCTIONS.format(url=url, **messages))
        return
    example = template.example_message(datetime.now(UTC))
    curl = f"curl -H 'Content-Type: application/json' {url} -d '{example}'"
    click.echo(_INSTRUCTIONS.format(url=url, curl=curl, **messages))


def _show_note(note: str | None) -> None:
    if note is not None:
        click.echo(replace_unprintable(f"note: {note}"), err=True)


def _drop_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _require_changes(changes: Mapping[str, Any], *, unset: tuple[str, ...], mapped: tuple[str, ...]) -> None:
    if not changes and not unset and not mapped:
        raise CommandError("nothing to change; give a setting, such as --sizing 0.25")
    if both := sorted(set(changes) & set(unset)):
        raise CommandError(f"{both[0]}: it is set and removed at once; choose one")


def _format_changes(changed: Mapping[str, Any]) -> str:
    lines = [f"{field}: {before} -> {after}" for field, (before, after) in changed.items()]
    return "\n".join(replace_unprintable(line) for line in lines) or "nothing changed"


def _encode(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


@contextmanager
def _refuse_unknown(name: str) -> Iterator[None]:
    try:
        yield
    except SourceUnknown:
        raise CommandError(
            f"there is no source named {name!r}; `orchestrator sources list` lists the sources"
        ) from None


@contextmanager
def _refusals_of_add(source: Source) -> Iterator[None]:
    try:
        yield
    except SourceExists:
        raise CommandError(f"there is a source named {source.name!r} already; choose another name") from None
    except BookUnknown:
        raise CommandError(
            f"there is no book named {source.book!r}; the standing ones are {', '.join(STANDING_BOOKS)}"
        ) from None


command.add_command(source_listing.list_)
command.add_command(source_listing.show)
