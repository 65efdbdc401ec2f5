"""`orchestrator sources`: who may post alerts, and what to paste into TradingView."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from marshmallow import ValidationError

from app import sourcing
from app.acts import Act
from app.cli import Problem, opened
from app.local import datadir, network, runfile
from app.schemas import SourceInput
from app.sourcing import NoSecretKey
from config.settings import Settings
from config.vault import TokenVault
from db import books, migrate, sources
from db.migrate import SchemaOutdated
from db.session import Database
from db.sources import BookUnknown, SourceExists, SourceUnknown, StoredSource
from domain.signal import InstrumentKind, SellAlone, Source

_PORT = 8000
_PASTE = """\
Webhook URL (in the alert's Notifications tab):

  {url}

Message of a strategy's alert:

{strategy}

Message of an indicator's alert that opens a long (say "short" to open a short):

{buy}

... and of one that closes it:

{exit}
"""
_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data directory of the instance (default: DATABASE_URL, else the current one).",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def command() -> None:
    """Manage who may post alerts."""


@command.command()
@click.argument("name")
@click.option("--book", default="paper", show_default=True, help="Book its signals go to.")
@click.option("--strategy", default="", help="Strategy of alerts that name none.")
@click.option("--sell-alone", type=click.Choice([one.value for one in SellAlone]), help="What a bare sell means.")
@click.option("--timeframe", help="Interval of alerts that name none, such as 1h.")
@click.option("--exchange", default="", help="Exchange of alerts that name none.")
@click.option("--kind", type=click.Choice([one.value for one in InstrumentKind]), help="What its symbols are.")
@click.option(
    "--confidence-scale", type=int, default=100, show_default=True, help="What full confidence is: 1, 10, 100."
)
@click.option("--dialect", help="Form of its messages (default: told by their content).")
@click.option(
    "--symbol", "mapped", multiple=True, metavar="SENT=READ", help="How to read a symbol it sends; repeatable."
)
@click.option("--heartbeat", type=int, metavar="SECONDS", help="Raise an alarm when it is silent for longer.")
@click.option("--max-lag", type=int, default=300, show_default=True, metavar="SECONDS", help="Older alerts are stale.")
@_DATA_DIR
@_JSON
def add(
    *,
    data_dir: Path | None,
    as_json: bool,
    kind: str | None,
    max_lag: int,
    heartbeat: int | None,
    mapped: tuple[str, ...],
    **given: Any,
) -> None:
    """Add the source NAME and print the URL to post its alerts to."""
    named = {"instrument_kind": kind, "max_lag_s": max_lag, "heartbeat_s": heartbeat, "symbols": _pairs(mapped)}
    source = _described(given | named)
    with _opened(data_dir) as (settings, database):
        token = _issue(database, _vault(settings), source)
    document = sourcing.described(source, token=token, base=_base(settings, data_dir), enabled=True)
    click.echo(_encoded(document) if as_json else document["url"])


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
@_DATA_DIR
@_JSON
def rotate(*, name: str, keep: int, data_dir: Path | None, as_json: bool) -> None:
    """Give the source NAME a new token and print its URL; the present one still holds for a day."""
    with _opened(data_dir) as (settings, database), _known(name), database.transaction() as session:
        stored = sources.by_name(session, name)
        token, until = sourcing.rotate(session, name, keep_s=keep, vault=_vault(settings), act=_act())
    document = sourcing.described(stored.source, token=token, base=_base(settings, data_dir), enabled=stored.enabled)
    if as_json:
        click.echo(_encoded(document | {"previous_until": until.isoformat()}))
        return
    click.echo(document["url"])
    told = f"holds until {until:%Y-%m-%d %H:%M} UTC" if keep else "holds no longer"
    click.echo(f"the URL before it {told}", err=True)


@command.command()
@click.argument("name")
@_DATA_DIR
def disable(*, name: str, data_dir: Path | None) -> None:
    """Refuse what the source NAME posts from now on."""
    with _opened(data_dir) as (_, database), _known(name), database.transaction() as session:
        sourcing.enable(session, name, enabled=False, act=_act())


@command.command()
@click.argument("name")
@_DATA_DIR
def enable(*, name: str, data_dir: Path | None) -> None:
    """Take again what the source NAME posts."""
    with _opened(data_dir) as (_, database), _known(name), database.transaction() as session:
        sourcing.enable(session, name, enabled=True, act=_act())


@command.command()
@click.argument("name")
@_DATA_DIR
def renewed(*, name: str, data_dir: Path | None) -> None:
    """Note that the alerts of the source NAME were made anew in TradingView, which ends them after two months."""
    with _opened(data_dir) as (_, database), _known(name), database.transaction() as session:
        sourcing.renewed(session, name, act=_act())


@command.command("template")
@click.argument("name")
@_DATA_DIR
@_JSON
def template_(*, name: str, data_dir: Path | None, as_json: bool) -> None:
    """Print what to paste into a TradingView alert: the webhook URL of the source NAME, and a message."""
    with _opened(data_dir) as (settings, database), _known(name), database.transaction() as session:
        stored = sources.by_name(session, name)
    url = _stored(stored, vault=_vault(settings), base=_base(settings, data_dir))["url"]
    if url is None:
        raise Problem(
            f"the token of {name!r} was encrypted under another SECRET_KEY; give it a new one: sources rotate"
        )
    messages = sourcing.messages()
    if as_json:
        click.echo(_encoded({"url": url} | messages))
        return
    click.echo(_PASTE.format(url=url, **messages))


@command.command("list")
@_DATA_DIR
@_JSON
def list_(*, data_dir: Path | None, as_json: bool) -> None:
    """List the sources with the URLs to post to."""
    with _opened(data_dir) as (settings, database), database.transaction() as session:
        found = sources.list_all(session)
    vault, base = _vault(settings), _base(settings, data_dir)
    documents = [_stored(one, vault=vault, base=base) for one in found]
    if as_json:
        click.echo(_encoded(documents))
        return
    for document in documents:
        click.echo(f"{document['name']}\t{document['book']}\t{document['url']}")


def urls(settings: Settings, *, base: str) -> list[tuple[str, str]]:
    """Return the name and webhook URL of each source that is no replay's."""
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            found = sources.list_all(session)
    finally:
        database.dispose()
    shown = (_stored(one, vault=_vault(settings), base=base) for one in found if one.source.book in books.STANDING)
    return [(one["name"], one["url"]) for one in shown if one["url"]]


def _described(given: dict[str, Any]) -> Source:
    try:
        source = SourceInput().load(given)
    except ValidationError as error:
        raise Problem(_told(error.messages_dict)) from None
    assert isinstance(source, Source)  # noqa: S101 - the schema makes one
    return source


def _pairs(mapped: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in mapped]
    for sent, sign, read in pairs:
        if not (sent.strip() and sign and read.strip()):
            raise Problem(f"--symbol: must be SENT=READ, such as US100=NASDAQ:NDX, and is {sent + sign + read!r}")
    return {sent: read for sent, _, read in pairs}


@contextmanager
def _known(name: str) -> Iterator[None]:
    try:
        yield
    except SourceUnknown:
        raise Problem(f"there is no source named {name!r}; `orchestrator sources list` shows those there are") from None


def _told(messages: Mapping[str, Any]) -> str:
    return "; ".join(f"{field}: {' '.join(map(str, told))}" for field, told in messages.items())


@contextmanager
def _opened(data_dir: Path | None) -> Iterator[tuple[Settings, Database]]:
    with opened(data_dir) as (settings, database):
        try:
            migrate.check_current(settings.sqlalchemy_url)
        except SchemaOutdated as error:
            raise Problem(str(error)) from None
        yield settings, database


def _issue(database: Database, vault: TokenVault, source: Source) -> str:
    try:
        with database.transaction() as session:
            return sourcing.add(session, source, vault=vault, act=_act())
    except SourceExists:
        raise Problem(f"there is a source named {source.name!r} already; choose another name") from None
    except BookUnknown:
        raise Problem(
            f"there is no book named {source.book!r}; the standing ones are {', '.join(books.STANDING)}"
        ) from None


def _act() -> Act:
    return Act(by=getpass.getuser(), reason="", at=datetime.now(UTC))


def _vault(settings: Settings) -> TokenVault:
    try:
        return sourcing.vault(settings)
    except NoSecretKey as error:
        raise Problem(str(error)) from None


def _stored(stored: StoredSource, *, vault: TokenVault, base: str) -> dict[str, Any]:
    token = sourcing.token_of(stored, vault)
    return sourcing.described(stored.source, token=token, base=base, enabled=stored.enabled)


def _base(settings: Settings, directory: Path | None) -> str:
    """Return where the webhook is reached: PUBLIC_URL, else the running stack, else where one would listen."""
    if directory is None and settings.sources.get("DATABASE_URL") != "environment":
        directory = datadir.current(settings)
    running = runfile.read(directory) if directory is not None else None
    listening = running.web_url if running is not None else network.url(settings.bind, _PORT)
    return (settings.public_url or listening).rstrip("/")


def _encoded(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
