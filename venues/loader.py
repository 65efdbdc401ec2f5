"""Brokers and market data made from the table of venues, by the names that BROKER and MARKET_DATA take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from config.values import Secret, SettingInvalid
from venues import catalogue, libraries
from venues.catalogue import NamedVenue

if TYPE_CHECKING:
    from domain.ports import BookClock, MarketData
    from venues.remote import RemoteBroker


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


def check_venue(variable: str, name: str) -> None:
    """Check that the venue's library can be imported and knows the exchange; no key is needed.

    Raises:
        SettingInvalid: naming the variable.
    """
    libraries.import_library(catalogue.find_venue(variable, name))


def preload(*, broker: str, market_data: str) -> None:
    """Import the modules that these two venues need: a worker does it once, before it forks.

    Raises:
        SettingInvalid: naming the variable, when a library is not installed or does not know the exchange.
    """
    for variable, name in (("BROKER", broker), ("MARKET_DATA", market_data)):
        venue = catalogue.find_venue(variable, name)
        libraries.import_library(venue)
        for module in (venue.kind.broker_module, venue.kind.market_data_module):
            if module is not None:
                libraries.import_quietly(module)


def _reveal_keys(venue: NamedVenue, *, key: Secret | None, secret: Secret | None) -> dict[str, str]:
    return {"key": _reveal("BROKER_KEY", key, venue), "secret": _reveal("BROKER_SECRET", secret, venue)}


def _reveal(variable: str, value: Secret | None, venue: NamedVenue) -> str:
    """Return a key in plain text; raise SettingInvalid, naming its variable, when it is not set."""
    if value is None:
        raise SettingInvalid(variable, "", f"{venue.value} needs it")
    return value.reveal()
