"""Brokers and market data made from the table of venues, by the names that BROKER and MARKET_DATA take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from config.values import Secret, SettingInvalid
from domain.trade import PAPER_VENUE
from venues import catalogue, libraries, public_exchanges
from venues.auto_market_data import AutoMarketData, PublicExchange, ReportAnswer
from venues.catalogue import NamedVenue

if TYPE_CHECKING:
    from domain.ports import BookClock, MarketData
    from venues.remote import RemoteBroker

_PUBLIC_MODULE = "venues.ccxt_data"


def make_broker(name: str, *, key: Secret | None, secret: Secret | None, url: str | None) -> RemoteBroker | None:
    """Make the broker of live books; None when the venue is built in, as `paper` is. `url` replaces the venue's own.

    Raises:
        SettingInvalid: naming the variable, when the library, the exchange or a key is missing.
    """
    venue = catalogue.find_venue("BROKER", name)
    if venue.kind.broker_module is None:
        return None
    keys = _reveal_keys(venue, key=key, secret=secret)
    libraries.import_library(venue)
    factory: Callable[..., RemoteBroker] = libraries.import_quietly(venue.kind.broker_module).make_broker
    return factory(venue.variant, **keys, url=url)


def make_market_data(
    name: str, *, key: Secret | None, secret: Secret | None, url: str | None, clock: BookClock
) -> MarketData | None:
    """Make the provider of standing books; None when it is built in, as `alert` is.

    `clock` gives the present time of a book: a request as of an earlier moment gets no present quote.

    Raises:
        SettingInvalid: naming the variable, when the library, the exchange or a key that is needed is missing.
    """
    venue = catalogue.find_venue("MARKET_DATA", name)
    if venue.kind.market_data_module is None:
        return None
    needs_keys = venue.kind.market_data_needs_keys
    keys = _reveal_keys(venue, key=key, secret=secret) if needs_keys else {"key": None, "secret": None}
    libraries.import_library(venue)
    factory: Callable[..., MarketData] = libraries.import_quietly(venue.kind.market_data_module).make_market_data
    return factory(venue.variant, **keys, url=url, clock=clock)


def make_auto_market_data(
    stored: MarketData, *, broker: str, url: str | None, clock: BookClock, report: ReportAnswer
) -> AutoMarketData:
    """Make the provider of `MARKET_DATA=auto`; exchanges are opened when an alert first names them.

    `url` replaces the hosts of the exchange that BROKER names, or of any when it names none.
    """

    def open_exchange(exchange: str) -> PublicExchange | str:
        venue = catalogue.find_venue("MARKET_DATA", f"{public_exchanges.LIBRARY}:{exchange}")
        try:
            libraries.import_library(venue)
        except SettingInvalid as error:
            return error.allowed
        make_exchange: Callable[..., PublicExchange] = libraries.import_quietly(_PUBLIC_MODULE).make_public_exchange
        is_at_url = broker in (PAPER_VENUE, venue.value)
        return make_exchange(exchange, url=url if is_at_url else None, clock=clock)

    return AutoMarketData(stored, open_exchange=open_exchange, report=report)


def check_venue(variable: str, name: str) -> None:
    """Check that the venue's library can be imported and knows the exchange; no key is needed.

    Raises:
        SettingInvalid: naming the variable.
    """
    libraries.import_library(catalogue.find_venue(variable, name))


def preload(*, broker: str, market_data: str) -> None:
    """Import the modules that these two venues need: a worker does it once, before it forks.

    With `MARKET_DATA=auto` that is what exchanges are asked with, where it is installed.

    Raises:
        SettingInvalid: naming the variable, when a library is not installed or does not know the exchange.
    """
    for variable, name in (("BROKER", broker), ("MARKET_DATA", market_data)):
        venue = catalogue.find_venue(variable, name)
        libraries.import_library(venue)
        for module in (venue.kind.broker_module, venue.kind.market_data_module):
            if module is not None:
                libraries.import_quietly(module)
    if market_data == catalogue.AUTO and explain_missing_public_library() is None:
        libraries.import_quietly(_PUBLIC_MODULE)


def explain_missing_public_library() -> str | None:
    """Return why `MARKET_DATA=auto` can ask no exchange: what to install; None when nothing is missing."""
    return libraries.describe_missing(f"{public_exchanges.LIBRARY}:{public_exchanges.IDS[0]}")


def _reveal_keys(venue: NamedVenue, *, key: Secret | None, secret: Secret | None) -> dict[str, str]:
    return {"key": _reveal("BROKER_KEY", key, venue), "secret": _reveal("BROKER_SECRET", secret, venue)}


def _reveal(variable: str, value: Secret | None, venue: NamedVenue) -> str:
    """Return a key in plain text; raise SettingInvalid, naming its variable, when it is not set."""
    if value is None:
        raise SettingInvalid(variable, "", f"{venue.value} needs it")
    return value.reveal()
