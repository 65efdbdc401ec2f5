"""Brokers and market data by the names that BROKER and MARKET_DATA take; client libraries are imported only here."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from config.values import Secret, SettingInvalid
from domain.trade import PAPER_VENUE
from venues import libraries

if TYPE_CHECKING:
    from domain.ports import BookClock, MarketData
    from venues.remote import RemoteBroker

ALERT = "alert"
ALPACA = "alpaca"
ALPACA_PAPER = "alpaca:paper"
CCXT = "ccxt:"


def broker(name: str, *, key: Secret | None, secret: Secret | None, url: str | None) -> RemoteBroker | None:
    """Return the broker of live books; None for `paper`. `url` replaces the venue's own.

    Raises:
        SettingInvalid: naming the variable, when the library, the exchange or a key is missing.
    """
    if name == PAPER_VENUE:
        return None
    given = {"key": _given("BROKER_KEY", key, name), "secret": _given("BROKER_SECRET", secret, name)}
    if name.startswith(CCXT):
        exchange = _exchange("BROKER", name)
        return _module("ccxt_venue", "BROKER", name).make(exchange, **given, url=url)  # type: ignore[no-any-return]
    made = _module("alpaca_venue", "BROKER", name)
    at = url or (made.alpaca_client.PAPER if name == ALPACA_PAPER else made.alpaca_client.LIVE)
    return made.make(**given, url=at)  # type: ignore[no-any-return]


def market_data(
    name: str, *, key: Secret | None, secret: Secret | None, url: str | None, clock: BookClock
) -> MarketData | None:
    """Return the provider of standing books; None for `alert`. Exchanges of ccxt need no key.

    `clock` tells the books' time: what is asked about an earlier moment gets no present quote.

    Raises:
        SettingInvalid: naming the variable, when the library, the exchange or a key is missing.
    """
    if name == ALERT:
        return None
    if name.startswith(CCXT):
        return _module("ccxt_data", "MARKET_DATA", name).make(_exchange("MARKET_DATA", name), url=url, clock=clock)  # type: ignore[no-any-return]
    given = {"key": _given("BROKER_KEY", key, name), "secret": _given("BROKER_SECRET", secret, name)}
    return _module("alpaca_data", "MARKET_DATA", name).make(**given, url=url, clock=clock)  # type: ignore[no-any-return]


def venue_name(name: str) -> str:
    """Return what orders call the venue that BROKER names."""
    return name.removeprefix(CCXT) if name.startswith(CCXT) else name.partition(":")[0]


def check(variable: str, name: str) -> None:
    """See to it that the venue's library is installed and knows the exchange; no key is needed.

    Raises:
        SettingInvalid: naming the variable.
    """
    if name.startswith(CCXT):
        _exchange(variable, name)
    elif name not in (PAPER_VENUE, ALERT):
        libraries.load(variable, name)


def preload(*, broker: str, market_data: str) -> None:
    """Import the client libraries that these venues need: a worker does it once, before it forks.

    Raises:
        SettingInvalid: naming the variable, when one is not installed or does not know the exchange.
    """
    for variable, name in (("BROKER", broker), ("MARKET_DATA", market_data)):
        check(variable, name)
        if (library := libraries.module_for(name)) is not None:
            _module(f"{library}_venue", variable, name)
            _module(f"{library}_data", variable, name)


def _given(variable: str, value: Secret | None, name: str) -> str:
    if value is None:
        raise SettingInvalid(variable, "", f"{name} needs it")
    return value.reveal()


def _exchange(variable: str, name: str) -> str:
    exchange = name.removeprefix(CCXT)
    if exchange not in libraries.load(variable, name).exchanges:
        raise SettingInvalid(variable, name, "ccxt:<id> with an exchange that ccxt knows, such as ccxt:binance")
    return exchange


def _module(module: str, variable: str, name: str) -> ModuleType:
    libraries.load(variable, name)
    return libraries.import_quietly(f"venues.{module}")
