"""Sources as commands take and show them: their options, their description, and the URL to post to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from marshmallow import ValidationError

from app.api.source_schemas import SourceInput
from app.cli import CommandError
from config.settings import Settings
from config.vault import TokenVault
from db.sources import StoredSource
from domain.signal import InstrumentKind, SellAlone, Source
from operations import sources
from operations.sources import NoSecretKey
from stack import datadir, network, runfile

_PORT = 8000
_OPTIONS = (
    click.option("--strategy", help="Strategy of alerts that name none."),
    click.option("--sell-alone", type=click.Choice([one.value for one in SellAlone]), help="What a bare sell means."),
    click.option("--timeframe", help="Interval of alerts that name none, such as 1h."),
    click.option("--exchange", help="Exchange of alerts that name none."),
    click.option(
        "--kind",
        "instrument_kind",
        type=click.Choice([one.value for one in InstrumentKind]),
        help="What its symbols are.",
    ),
    click.option("--confidence-scale", type=int, help="What full confidence is: 1, 10 or 100 (at first 100)."),
    click.option("--dialect", help="Form of its messages (default: told by their content)."),
    click.option("--symbol", "mapped", multiple=True, metavar="SENT=READ", help="How to read a symbol; repeatable."),
    click.option(
        "--heartbeat", "heartbeat_s", type=int, metavar="SECONDS", help="Raise an alarm when silent for longer."
    ),
    click.option("--max-lag", "max_lag_s", type=int, metavar="SECONDS", help="Older alerts are stale (at first 300)."),
    click.option("--sizing", metavar="SHARE", help="Share of the book's capital to size entries on (at first 1)."),
)
# What a source need not have can be taken away again.
_UNSETTING = tuple(
    click.option(f"--no-{name}", "unset", flag_value=field, multiple=True, help=told)
    for name, field, told in (
        ("heartbeat", "heartbeat_s", "It may be silent for ever."),
        ("dialect", "dialect", "The form of its messages is told by their content."),
        ("sell-alone", "sell_alone", "A bare sell is ambiguous."),
        ("timeframe", "timeframe", "Alerts that name no interval have none."),
        ("kind", "instrument_kind", "What its symbols are is told by their form."),
        ("symbols", "symbols", "Symbols are read as they are written."),
    )
)
Command = TypeVar("Command", bound=Callable[..., Any])


def options(command: Command) -> Command:
    """Give a command the options that describe a source; what is not given is None, symbols are empty."""
    return reduce(lambda made, option: option(made), reversed(_OPTIONS), command)


def unsetting(command: Command) -> Command:
    """Give a command the options that take away what a source need not have, gathered in `unset`."""
    return reduce(lambda made, option: option(made), reversed(_UNSETTING), command)


def described(given: Mapping[str, Any], *, mapped: Sequence[str] = ()) -> Source:
    """Return the source that these fields of `SourceInput` describe, with its symbols as SENT=READ.

    Raises:
        Problem: when one is not allowed.
    """
    symbols = dict(given.get("symbols", {})) | _pairs(mapped)
    try:
        source = SourceInput().load({**given, "symbols": symbols})
    except ValidationError as error:
        raise CommandError(_told(error.messages_dict)) from None
    assert isinstance(source, Source)  # noqa: S101 - the schema makes one
    return source


def document(source: Source) -> dict[str, Any]:
    """Return what describes a source, as `SourceInput` takes it."""
    return sources.describe(source)


def shown(source: Source, *, token: str | None, base: str, enabled: bool) -> dict[str, Any]:
    """Describe a source; token and URL are None when the token was encrypted under another SECRET_KEY."""
    return sources.described(source, token=token, base=base, enabled=enabled)


def stored(one: StoredSource, *, vault: TokenVault, base: str) -> dict[str, Any]:
    """Describe a source with its token and URL."""
    return shown(one.source, token=sources.token_of(one, vault), base=base, enabled=one.enabled)


def vault(settings: Settings) -> TokenVault:
    """Return the vault of tokens.

    Raises:
        Problem: when SECRET_KEY is not set.
    """
    try:
        return sources.vault(settings)
    except NoSecretKey as error:
        raise CommandError(str(error)) from None


def base(settings: Settings, directory: Path | None) -> str:
    """Return where the webhook is reached: PUBLIC_URL, else the running stack, else where one would listen."""
    if directory is None and settings.sources.get("DATABASE_URL") != "environment":
        directory = datadir.current(settings)
    running = runfile.read(directory) if directory is not None else None
    listening = running.web_url if running is not None else network.url(settings.bind, _PORT)
    return (settings.public_url or listening).rstrip("/")


def encoded(document: object) -> str:
    """Write a document as JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _pairs(mapped: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in mapped]
    for sent, sign, read in pairs:
        if not (sent.strip() and sign and read.strip()):
            raise CommandError(f"--symbol: must be SENT=READ, such as US100=NASDAQ:NDX, and is {sent + sign + read!r}")
    return {"".join(sent.upper().split()): read for sent, _, read in pairs}


def _told(messages: Mapping[str, Any]) -> str:
    return "; ".join(f"{field}: {_line(told)}" for field, told in messages.items())


def _line(told: Any) -> str:
    """Write what is wrong with a field, of a mapping with the key it is about."""
    if isinstance(told, Mapping):
        return " ".join(f"{name}: {_line(one)}" for name, one in told.items())
    return " ".join(map(str, told)) if isinstance(told, list) else str(told)
