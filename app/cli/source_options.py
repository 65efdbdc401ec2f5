"""Options that describe a source, the source they describe, and the links to its webhook URL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
from marshmallow import ValidationError

from app.api.source_schemas import SourceInputSchema
from app.cli import CommandError
from config.settings import Settings
from domain.signal import InstrumentKind, SellAlone, Source
from operations import source_links
from operations.source_links import NoSecretKey, SourceLinks
from stack import datadir, network, runfile

_DEFAULT_PORT = 8000
# How alerts are read and sized, for replays too. Their --timezone is that of their bars, so none may stand here.
_READING_OPTIONS = (
    click.option("--strategy", help="Strategy of alerts that name none."),
    click.option(
        "--sell-alone", type=click.Choice([meaning.value for meaning in SellAlone]), help="Meaning of a bare `sell`."
    ),
    click.option("--timeframe", help="Interval of alerts that name none, such as 1h."),
    click.option("--exchange", help="Exchange of alerts that name none."),
    click.option(
        "--kind",
        "instrument_kind",
        type=click.Choice([kind.value for kind in InstrumentKind]),
        help="Kind of instrument that its symbols name.",
    ),
    click.option(
        "--confidence-scale", type=int, help="Number that means full confidence: 1, 10 or 100 (at first 100)."
    ),
    click.option("--dialect", help="Format of its messages (default: recognised by their content)."),
    click.option(
        "--symbol", "mapped", multiple=True, metavar="SENT=READ", help="Read the symbol SENT as READ; repeatable."
    ),
    click.option("--max-lag", "max_lag_s", type=int, metavar="SECONDS", help="Older alerts are stale (at first 300)."),
    click.option("--sizing", metavar="SHARE", help="Share of the book's capital to size entries on (at first 1)."),
    click.option(
        "--pyramiding",
        type=int,
        metavar="N",
        help="Most real trades at once in one strategy, symbol and side (at first 1, as in TradingView).",
    ),
)
_OPTIONS = (
    *_READING_OPTIONS,
    click.option(
        "--heartbeat",
        "heartbeat_s",
        type=int,
        metavar="SECONDS",
        help="Open an incident when no alert has come for longer.",
    ),
    click.option(
        "--timezone",
        metavar="ZONE",
        help="Time zone of times that name none, such as Asia/Kolkata or +05:30 (at first UTC).",
    ),
    click.option(
        "--calendar",
        metavar="NAME",
        help="Trading calendar with whose sessions its bars close, such as XNYS (at first that of the exchange).",
    ),
)
_UNSET_OPTIONS = tuple(
    click.option(f"--no-{name}", "unset", flag_value=field, multiple=True, help=help_text)
    for name, field, help_text in (
        ("heartbeat", "heartbeat_s", "Open no incident when no alert comes."),
        ("dialect", "dialect", "Recognise the format of its messages by their content."),
        ("sell-alone", "sell_alone", "Refuse a bare `sell` as ambiguous."),
        ("timezone", "timezone", "Read times that name no zone as UTC."),
        ("calendar", "calendar", "Close its bars with the sessions of the exchange."),
        ("timeframe", "timeframe", "Leave alerts that name no interval without one."),
        ("kind", "instrument_kind", "Recognise the kind of instrument by the symbol."),
        ("symbols", "symbols", "Read symbols as they are written."),
    )
)
Command = TypeVar("Command", bound=Callable[..., Any])


def add_options(command: Command) -> Command:
    """Give a command the options that describe a source; an option that is not given is None, no symbol is ()."""
    return _apply(_OPTIONS, command)


def add_reading_options(command: Command) -> Command:
    """Give a command the options that say how alerts are read and sized, as `add_options` does."""
    return _apply(_READING_OPTIONS, command)


def add_unset_options(command: Command) -> Command:
    """Give a command the options that remove an optional setting of a source; the fields are gathered in `unset`."""
    return _apply(_UNSET_OPTIONS, command)


def build_source(fields: Mapping[str, Any], *, mapped: Sequence[str] = ()) -> Source:
    """Return the source with these fields of `SourceInputSchema`, and with more symbols as SENT=READ.

    Raises:
        CommandError: when a value is not allowed.
    """
    symbols = dict(fields.get("symbols", {})) | _parse_symbols(mapped)
    try:
        source = SourceInputSchema().load({**fields, "symbols": symbols})
    except ValidationError as error:
        raise CommandError(_format_errors(error.messages_dict)) from None
    assert isinstance(source, Source)  # noqa: S101 - the schema makes one
    return source


def make_links(settings: Settings, data_dir: Path | None) -> SourceLinks:
    """Return links below PUBLIC_URL, else below the running stack's URL, else below that of a stack that would run.

    Raises:
        CommandError: when SECRET_KEY is not set.
    """
    try:
        return source_links.make_links(settings, fallback_base=_find_stack_url(settings, data_dir))
    except NoSecretKey as error:
        raise CommandError(str(error)) from None


def _find_stack_url(settings: Settings, directory: Path | None) -> str:
    if directory is None and settings.sources.get("DATABASE_URL") != "environment":
        directory = datadir.read_current(settings)
    running = runfile.read_run_file(directory) if directory is not None else None
    return running.web_url if running is not None else network.build_url(settings.bind, _DEFAULT_PORT)


def _apply(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    """Apply option decorators so that `--help` lists them in this order."""
    return reduce(lambda decorated, option: option(decorated), reversed(options), command)


def _parse_symbols(mapped: Sequence[str]) -> dict[str, str]:
    """Parse SENT=READ pairs into a mapping; SENT is matched in upper case and without spaces."""
    pairs = [text.partition("=") for text in mapped]
    for sent, sign, read in pairs:
        if not (sent.strip() and sign and read.strip()):
            raise CommandError(f"--symbol: must be SENT=READ, such as US100=NASDAQ:NDX, and is {sent + sign + read!r}")
    return {"".join(sent.upper().split()): read for sent, _, read in pairs}


def _format_errors(messages: Mapping[str, Any]) -> str:
    return "; ".join(f"{field}: {_format_messages(value)}" for field, value in messages.items())


def _format_messages(messages: Any) -> str:
    """Return a field's errors in one line; those of a mapping with the key that each is about."""
    if isinstance(messages, Mapping):
        return " ".join(f"{key}: {_format_messages(value)}" for key, value in messages.items())
    return " ".join(map(str, messages)) if isinstance(messages, list) else str(messages)
