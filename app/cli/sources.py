"""`orchestrator sources`: who may post alerts, and what to paste into TradingView."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from alerts import template
from app.cli import CommandError, source_options
from app.cli.database import open_current_database as _opened
from app.cli.operator import audit_context
from config.vault import TokenVault
from db import sources
from db.core.session import Database
from db.source_health import activity
from db.source_health.activity import SourceActivity
from db.sources import BookUnknown, SourceExists, SourceUnknown
from domain.books import PAPER_BOOK, STANDING_BOOKS
from domain.signal import Source
from operations import sources as sourcing
from reporting.formatting import replace_unprintable

_PASTE = """\
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
_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory of the instance (default: DATABASE_URL, else the current one).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
_REASON = click.option("--reason", default="", help="Why; it is kept in the audit log.")


@click.group()
def command() -> None:
    """Manage who may post alerts."""


@command.command()
@click.argument("name")
@click.option("--book", default=PAPER_BOOK, show_default=True, help="Book its signals go to.")
@source_options.options
@_REASON
@_DATA_DIR
@_JSON
def add(
    *, name: str, book: str, mapped: tuple[str, ...], reason: str, data_dir: Path | None, as_json: bool, **given: Any
) -> None:
    """Add the source NAME and print the URL to post its alerts to."""
    source = source_options.described({"name": name, "book": book} | _present(given), mapped=mapped)
    with _opened(data_dir) as (settings, database):
        token = _issue(database, source_options.vault(settings), source, reason=reason)
    document = source_options.shown(source, token=token, base=source_options.base(settings, data_dir), enabled=True)
    click.echo(source_options.encoded(document) if as_json else document["url"])


@command.command("set")
@click.argument("name")
@source_options.options
@source_options.unsetting
@_REASON
@_DATA_DIR
@_JSON
def set_(
    *,
    name: str,
    mapped: tuple[str, ...],
    unset: tuple[str, ...],
    reason: str,
    data_dir: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Change the source NAME: what is given holds for its next alerts, all else stays.

    `--symbol` is added to those it has.
    """
    changes = _present(given)
    if not changes and not unset and not mapped:
        raise CommandError("nothing is to be changed; give what is to hold, such as --sizing 0.25")
    if both := sorted(set(changes) & set(unset)):
        raise CommandError(f"{both[0]}: it is given and taken away at once; choose one")
    with _opened(data_dir) as (settings, database), _known(name), database.transaction() as session:
        held = sources.lock_by_name(session, name)
        kept = {field: one for field, one in source_options.document(held.source).items() if field not in unset}
        source = source_options.described(kept | changes, mapped=mapped)
        changed = sourcing.change(session, held.source, source, audit=audit_context(reason))
    document = source_options.stored(
        replace(held, source=source), vault=source_options.vault(settings), base=source_options.base(settings, data_dir)
    )
    click.echo(source_options.encoded(document) if as_json else _changes(changed))


@command.command()
@click.argument("name")
@click.option(
    "--keep",
    type=click.IntRange(0, sourcing.MOST_KEEP_S),
    default=sourcing.KEEP_S,
    show_default=True,
    metavar="SECONDS",
    help="How long the present token holds beside the new one; 0 ends it within seconds.",
)
@_REASON
@_DATA_DIR
@_JSON
def rotate(*, name: str, keep: int, reason: str, data_dir: Path | None, as_json: bool) -> None:
    """Give the source NAME a new token and print its URL; the present one still holds for a day."""
    with _opened(data_dir) as (settings, database), _known(name), database.transaction() as session:
        stored = sources.by_name(session, name)
        token, until = sourcing.rotate(
            session, name, keep_s=keep, vault=source_options.vault(settings), audit=audit_context(reason)
        )
    document = source_options.shown(
        stored.source, token=token, base=source_options.base(settings, data_dir), enabled=stored.enabled
    )
    if as_json:
        click.echo(source_options.encoded(document | {"previous_until": until.isoformat()}))
        return
    click.echo(document["url"])
    told = f"holds until {until:%Y-%m-%d %H:%M} UTC" if keep else "holds no longer"
    click.echo(f"the URL before it {told}", err=True)


@command.command()
@click.argument("name")
@_REASON
@_DATA_DIR
def disable(*, name: str, reason: str, data_dir: Path | None) -> None:
    """Refuse what the source NAME posts from now on."""
    with _opened(data_dir) as (_, database), _known(name), database.transaction() as session:
        sourcing.enable(session, name, enabled=False, audit=audit_context(reason))
    click.echo(f"disabled: {name}")


@command.command()
@click.argument("name")
@_REASON
@_DATA_DIR
def enable(*, name: str, reason: str, data_dir: Path | None) -> None:
    """Take again what the source NAME posts."""
    with _opened(data_dir) as (_, database), _known(name), database.transaction() as session:
        sourcing.enable(session, name, enabled=True, audit=audit_context(reason))
    click.echo(f"enabled: {name}")


@command.command()
@click.argument("name")
@_REASON
@_DATA_DIR
def renewed(*, name: str, reason: str, data_dir: Path | None) -> None:
    """Note that the alerts of the source NAME were made anew in TradingView, which ends them after two months."""
    with _opened(data_dir) as (_, database), _known(name), database.transaction() as session:
        sourcing.renewed(session, name, audit=audit_context(reason))
    click.echo(f"noted: the alerts of {name} were made anew")


@command.command("template")
@click.argument("name")
@_DATA_DIR
@_JSON
def template_(*, name: str, data_dir: Path | None, as_json: bool) -> None:
    """Print what to paste into a TradingView alert: the webhook URL of the source NAME, and a message."""
    with _opened(data_dir) as (settings, database), _known(name), database.transaction() as session:
        stored = sources.by_name(session, name)
    url = source_options.stored(
        stored, vault=source_options.vault(settings), base=source_options.base(settings, data_dir)
    )["url"]
    if url is None:
        raise CommandError(
            f"the token of {name!r} was encrypted under another SECRET_KEY; give it a new one: sources rotate"
        )
    messages = sourcing.messages()
    if as_json:
        click.echo(source_options.encoded({"url": url} | messages))
        return
    example = template.example_message(datetime.now(UTC))
    curl = f"curl -H 'Content-Type: application/json' {url} -d '{example}'"
    click.echo(_PASTE.format(url=url, curl=curl, **messages))


@command.command("list")
@_DATA_DIR
@_JSON
def list_(*, data_dir: Path | None, as_json: bool) -> None:
    """List the sources: whether each may post, when it was heard, what is the matter with it, and its URL."""
    with _opened(data_dir) as (settings, database), database.transaction() as session:
        found = sources.list_all(session)
        doing = {one.name: one for one in activity.load(session)}
    vault, base = source_options.vault(settings), source_options.base(settings, data_dir)
    documents = [
        source_options.stored(one, vault=vault, base=base) | _activity(doing.get(one.source.name)) for one in found
    ]
    if as_json:
        click.echo(source_options.encoded(documents))
        return
    for line in (line for document in documents for line in _listed(document)):
        click.echo(replace_unprintable(line))


def _present(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _changes(changed: Mapping[str, Any]) -> str:
    told = [f"{field}: {was} -> {now}" for field, (was, now) in changed.items()]
    return "\n".join(replace_unprintable(one) for one in told) or "nothing changed"


def _activity(doing: SourceActivity | None) -> dict[str, Any]:
    """Describe what a source does; of a replay's nothing is told."""
    if doing is None:
        return {}
    return {
        "last_heard_at": doing.heard_at.isoformat() if doing.heard_at is not None else None,
        "quarantined_in_day": doing.quarantined_in_day,
        "warnings": doing.warnings,
    }


def _listed(document: Mapping[str, Any]) -> Iterator[str]:
    heard = (document.get("last_heard_at") or "")[:19].replace("T", " ") or "never"
    state = "enabled" if document["enabled"] else "disabled"
    told = [f"{document.get('quarantined_in_day', 0)} in quarantine within a day", *document.get("warnings", ())]
    yield f"{document['name']:<20} {document['book']:<6} {state:<9} heard {heard:<20} {', '.join(told)}"
    yield f"{'':<20} {document['url'] or 'its token was encrypted under another SECRET_KEY: sources rotate'}"


@contextmanager
def _known(name: str) -> Iterator[None]:
    try:
        yield
    except SourceUnknown:
        raise CommandError(
            f"there is no source named {name!r}; `orchestrator sources list` shows those there are"
        ) from None


def _issue(database: Database, vault: TokenVault, source: Source, *, reason: str) -> str:
    try:
        with database.transaction() as session:
            return sourcing.add(session, source, vault=vault, audit=audit_context(reason))
    except SourceExists:
        raise CommandError(f"there is a source named {source.name!r} already; choose another name") from None
    except BookUnknown:
        raise CommandError(
            f"there is no book named {source.book!r}; the standing ones are {', '.join(STANDING_BOOKS)}"
        ) from None
