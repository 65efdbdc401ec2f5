"""Public market data of an exchange's spot markets through ccxt; it needs no key."""

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
from venues.ccxt_markets import Markets
from venues.live_market_data import LiveMarketData, LivePrices

T = TypeVar("T")

MAX_PAGES = 10
_PAGE = 1000
_DEPTH = 5
_LONGEST_MONTH = timedelta(days=31)


def make(exchange: str, *, clock: BookClock, url: str | None = None) -> LiveMarketData:
    """Make the provider of an exchange.

    Raises:
        ccxt_client.UnknownExchange: when ccxt does not know it.
    """
    return LiveMarketData(CcxtPrices(ccxt_client.make(exchange, key=None, secret=None, url=url)), clock=clock)


class CcxtPrices:
    """An exchange's prices; used by one thread at a time."""

    def __init__(self, client: Any) -> None:
        self._client, self._markets = client, Markets(client)
        self._names = {interval: name for name in client.timeframes or () if (interval := _interval(name)) is not None}
        self.intervals: Sequence[Interval] = tuple(self._names)

    def prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the ticker's prices; where it has no bid or ask, the best of the order book."""
        unified = self._unified(instrument)
        if unified is None:
            return None
        ticker = self._ask(lambda: self._client.fetch_ticker(unified))
        bid, ask, last = (_price(ticker.get(name)) for name in ("bid", "ask", "last"))
        if bid is None or ask is None:
            book = self._ask(lambda: self._client.fetch_order_book(unified, _DEPTH))
            bid, ask = _best(book, "bids"), _best(book, "asks")
        return LivePrices(bid=bid, ask=ask, last=last)

    def newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return the bars of the last `count` spans before `until`."""
        start = interval.floor(until)
        if interval.unit is Unit.MONTH:
            start = interval.floor(start - count * _LONGEST_MONTH * interval.count)
        else:
            start -= count * interval.approximate
        bars, _ = self.since(instrument, interval, start=start, until=until)
        return bars

    def since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars that opened in [start, until), page by page, and up to which moment none is missing."""
        unified, found = self._unified(instrument), list[Bar]()
        if unified is None:
            return [], until
        for _ in range(MAX_PAGES):
            page = self._page(unified, interval, start)
            found += [one for one in page if start <= one.open_time < until]
            if not page or interval.end(page[-1].open_time) >= until or page[-1].open_time < start:
                return found, until
            start = interval.end(page[-1].open_time)
        return found, start

    def _page(self, unified: str, interval: Interval, start: datetime) -> list[Bar]:
        since = timestamps.to_milliseconds(start)
        told = self._ask(partial(self._client.fetch_ohlcv, unified, self._names[interval], since, _PAGE))
        return [_bar(one) for one in told]

    def _unified(self, instrument: Instrument) -> str | None:
        listed = self._markets.listed(instrument)
        return None if listed is None else self._markets.unified(listed)

    def _ask(self, question: Callable[[], T]) -> T:
        return ccxt_client.ask_surely(self._client, question)


def _interval(name: str) -> Interval | None:
    """Read ccxt's spelling, where M is a month."""
    try:
        return Interval.parse(name.replace("M", "mo"))
    except IntervalInvalid:
        return None


def _bar(told: Sequence[Any]) -> Bar:
    opened, *prices, volume = told[:6]
    first, high, low, close = (Decimal(str(one)) for one in prices)
    return Bar(
        open_time=timestamps.from_milliseconds(int(opened)),
        open=first,
        high=high,
        low=low,
        close=close,
        volume=None if volume is None else Decimal(str(volume)),
    )


def _best(book: Mapping[str, Any], side: str) -> Decimal | None:
    return _price(book[side][0][0]) if book[side] else None


def _price(value: Any) -> Decimal | None:
    price = None if value is None else Decimal(str(value))
    return price if price is not None and price > 0 else None
