"""Public market data of an exchange's spot markets and perpetual contracts, read through ccxt without a key."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from domain.context import Bar
from domain.intervals import Interval, IntervalInvalid, Unit
from domain.ports import BookClock
from domain.signal import Instrument
from venues import ccxt_client, timestamps
from venues.auto_market_data import PublicExchange
from venues.ccxt_markets import LOAD_BUDGET_S, PerpetualMarkets, SpotMarkets
from venues.exchange_prices import ExchangePrices
from venues.live_market_data import LiveMarketData, LivePrices

T = TypeVar("T")

MAX_PAGES = 10
_BARS_PER_PAGE = 1000
_ORDER_BOOK_DEPTH = 5
_PUBLIC_LOAD_BUDGET_S = 15.0  # nobody chose this exchange, so that a signal waits less for it
_LONGEST_MONTH = timedelta(days=31)


def make_market_data(
    exchange: str, *, key: str | None = None, secret: str | None = None, url: str | None = None, clock: BookClock
) -> LiveMarketData:
    """Make the provider of an exchange's market data; `url` replaces its hosts.

    Raises:
        ccxt_client.UnknownExchange: when ccxt does not know it.
    """
    return LiveMarketData(CcxtPrices(ccxt_client.make_client(exchange, key=key, secret=secret, url=url)), clock=clock)


def make_public_exchange(exchange: str, *, url: str | None, clock: BookClock) -> PublicExchange:
    """Make an exchange that `MARKET_DATA=auto` asks, without a key; `url` replaces its hosts.

    Raises:
        ccxt_client.UnknownExchange: when ccxt does not know it.
    """
    client = ccxt_client.make_client(exchange, key=None, secret=None, url=url)
    prices = ExchangePrices(CcxtPrices(client, load_budget_s=_PUBLIC_LOAD_BUDGET_S))
    return PublicExchange(name=exchange, prices=prices, data=LiveMarketData(prices, clock=clock))


class CcxtPrices:
    """Price source over an exchange's public API; used by one thread at a time."""

    def __init__(self, client: Any, *, load_budget_s: float = LOAD_BUDGET_S) -> None:
        self._client = client
        self._spot = SpotMarkets(client, load_budget_s=load_budget_s)
        self._perpetuals = PerpetualMarkets(client, load_budget_s=load_budget_s)
        self._timeframe_names = {
            interval: name for name in client.timeframes or () if (interval := _parse_interval(name)) is not None
        }
        self.intervals: Sequence[Interval] = tuple(self._timeframe_names)

    def is_listed(self, instrument: Instrument) -> bool:
        """Return whether the exchange has a market of the instrument: spot, or a perpetual contract."""
        return self._find_unified_symbol(instrument) is not None

    def read_prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the ticker's prices; a bid or ask that it lacks is the best of the order book."""
        unified_symbol = self._find_unified_symbol(instrument)
        if unified_symbol is None:
            return None
        ticker = self._query(lambda: self._client.fetch_ticker(unified_symbol))
        bid, ask, last = (_parse_price(ticker.get(name)) for name in ("bid", "ask", "last"))
        if bid is None or ask is None:
            book = self._query(lambda: self._client.fetch_order_book(unified_symbol, _ORDER_BOOK_DEPTH))
            bid, ask = _read_best_price(book, "bids"), _read_best_price(book, "asks")
        return LivePrices(bid=bid, ask=ask, last=last)

    def read_newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return the bars of the last `count` intervals before `until`."""
        start = interval.floor(until)
        if interval.unit is Unit.MONTH:
            start = interval.floor(start - count * _LONGEST_MONTH * interval.count)
        else:
            start -= count * interval.approximate
        bars, _ = self.read_since(instrument, interval, start=start, until=until)
        return bars

    def read_since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars that opened in [start, until), page by page, and the moment up to which they are complete."""
        unified_symbol, bars = self._find_unified_symbol(instrument), list[Bar]()
        if unified_symbol is None:
            return [], until
        for _ in range(MAX_PAGES):
            page = self._request_page(unified_symbol, interval, start)
            bars += [bar for bar in page if start <= bar.open_time < until]
            if not page or interval.end(page[-1].open_time) >= until or page[-1].open_time < start:
                return bars, until
            start = interval.end(page[-1].open_time)
        return bars, start

    def _request_page(self, unified_symbol: str, interval: Interval, start: datetime) -> list[Bar]:
        """Request one page of bars that opened at or after `start`."""
        since_ms = timestamps.to_milliseconds(start)
        rows = self._query(
            partial(self._client.fetch_ohlcv, unified_symbol, self._timeframe_names[interval], since_ms, _BARS_PER_PAGE)
        )
        return [_parse_bar(row) for row in rows]

    def _find_unified_symbol(self, instrument: Instrument) -> str | None:
        markets = self._perpetuals if instrument.kind in self._perpetuals.kinds else self._spot
        listing = markets.find_listing(instrument)
        return None if listing is None else markets.unified_symbol(listing)

    def _query(self, request: Callable[[], T]) -> T:
        return ccxt_client.query_or_unavailable(self._client, request)


def _parse_interval(name: str) -> Interval | None:
    """Parse ccxt's name of a timeframe, in which M is a month; None when it is not one of our intervals."""
    try:
        return Interval.parse(name.replace("M", "mo"))
    except IntervalInvalid:
        return None


def _parse_bar(row: Sequence[Any]) -> Bar:
    """Parse a bar of ccxt: open time in milliseconds, open, high, low, close, volume."""
    opened_ms, *prices, volume = row[:6]
    opening_price, high, low, close = (Decimal(str(price)) for price in prices)
    return Bar(
        open_time=timestamps.from_milliseconds(int(opened_ms)),
        open=opening_price,
        high=high,
        low=low,
        close=close,
        volume=None if volume is None else Decimal(str(volume)),
    )


def _read_best_price(book: Mapping[str, Any], side: str) -> Decimal | None:
    return _parse_price(book[side][0][0]) if book[side] else None


def _parse_price(value: Any) -> Decimal | None:
    price = None if value is None else Decimal(str(value))
    return price if price is not None and price > 0 else None
