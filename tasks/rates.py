"""Rates between currencies for the books: by their stored bars, else by the market data provider's present prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from db.rates import StoredRates
from domain import currencies, rates
from domain.books import is_replay_book
from domain.context import Quality, Quote
from domain.money import Conversion
from domain.ports import MarketData
from domain.signal import Instrument, InstrumentKind
from domain.trade import ExitEvent, Trade
from venues.auto_market_data import AutoMarketData
from venues.live_market_data import LiveMarketData


class BookRates:
    """Finds rates; called with no transaction open, since a provider may be asked."""

    def __init__(self, stored: StoredRates, market_data: Callable[[str], MarketData]) -> None:
        self._stored, self._market_data = stored, market_data

    def find(self, book: str, currency: str, *, at: datetime, instrument: Instrument) -> Decimal | None:
        """Return the rate of a currency to the book's base currency at a moment; None when nothing gives one.

        `instrument` is what the money was made in: its exchange is asked about the pair.
        """
        rate = self._stored.find(book, currency, at=at)
        if rate is not None or is_replay_book(book):
            return rate
        major, factor = rates.split_minor_unit(currency)
        for pair in rates.list_rate_pairs(major, self._stored.base_currency(book)):
            price = self._ask_price(book, pair.symbol, at=at, exchange=instrument.exchange)
            if price is not None:
                return pair.compute_rate(price) * factor
        return None

    def complete_exits(self, trade: Trade, events: Sequence[ExitEvent]) -> tuple[ExitEvent, ...]:
        """Return the exits of a trade, each with the stored rate of its time where the trade needs one.

        An exit for whose time nothing gives a rate keeps none; then that of the entry counts, the last one known.
        """
        if trade.money.conversion is not Conversion.STORED:
            return tuple(events)
        return tuple(replace(event, rate=self.find_for(trade, at=event.at)) for event in events)

    def find_for(self, trade: Trade, *, at: datetime) -> Decimal | None:
        """Return the stored rate of a trade's currency at a moment; None where it needs none or there is none."""
        if trade.money.conversion is not Conversion.STORED:
            return None
        return self.find(trade.book, trade.money.currency, at=at, instrument=trade.instrument)

    def _ask_price(self, book: str, symbol: str, *, at: datetime, exchange: str) -> Decimal | None:
        """Return a venue's price of a pair at a moment; a stored one that no series has is too old to count."""
        pair = currencies.split_pair(symbol)
        is_fiat = pair is not None and set(pair) <= currencies.FIAT
        kind = InstrumentKind.FOREX if is_fiat else InstrumentKind.SPOT
        instrument = Instrument(symbol=symbol, exchange="" if is_fiat else exchange, kind=kind)
        market_data = self._market_data(book)
        if isinstance(market_data, AutoMarketData):
            asked = market_data.find_exchange(book, instrument)
            if asked is None:
                return None
            market_data = asked.data
        quote = market_data.quote(book, instrument, at=at).quote
        is_of_venue = quote.quality is Quality.LIVE or isinstance(market_data, LiveMarketData)
        return _choose_price(quote) if is_of_venue else None


def _choose_price(quote: Quote) -> Decimal | None:
    """Return the mid of a quote, else its last price, else its one side; None when no price is known."""
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    return next((price for price in (quote.last, quote.bid, quote.ask) if price is not None), None)
