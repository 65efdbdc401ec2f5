"""Markets for tests: builders of bars, signals and windows, and a store of bars in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import Any
from uuid import UUID

from domain.context import Bar, BarSeries, ContextDepth, InstrumentRules, MarketView, PriceSide, Quality, Window
from domain.intervals import Interval
from domain.ports import Feed, MarketData, ViewRequest
from domain.signal import Action, Direction, Instrument, InstrumentKind, Signal, Stage
from venues.stored_market_data import StoredMarketData

START = datetime(2026, 1, 5, tzinfo=UTC)
BOOK = "replay:000000000000"
EURUSD = Instrument(symbol="EURUSD", exchange="", kind=InstrumentKind.FOREX)
RULES = InstrumentRules(
    lot=Decimal(1), reference_capital=Decimal(100_000), max_notional=Decimal(100_000), currency="USD"
)


def interval(text: str) -> Interval:
    """Read an interval."""
    return Interval.parse(text)


def minutes(count: float) -> timedelta:
    """Name a length of time."""
    return timedelta(minutes=count)


def a_bar(at: datetime = START, *prices: str, volume: str | None = "10") -> Bar:
    """Build a bar of open, high, low and close; all four are 1.1 unless given."""
    opened, high, low, close = (Decimal(price) for price in prices or ("1.1",) * 4)
    known = None if volume is None else Decimal(volume)
    return Bar(open_time=at, open=opened, high=high, low=low, close=close, volume=known)


def a_walk(count: int, *, step: str = "1m", seed: int = 1, start: datetime = START, price: int = 11_000) -> list[Bar]:
    """Build `count` bars of a random walk in ticks of 0.0001, without gaps."""
    draw = Random(seed)
    length = interval(step).approximate
    closes = list(accumulate((draw.randint(-12, 12) for _ in range(count)), initial=price))
    return [_bar_between(start + place * length, closes[place], closes[place + 1], draw) for place in range(count)]


def _bar_between(at: datetime, opened: int, close: int, draw: Random) -> Bar:
    high, low = max(opened, close) + draw.randint(0, 6), min(opened, close) - draw.randint(0, 6)
    prices = (Decimal(price) / 10_000 for price in (opened, high, low, close))
    first, top, bottom, last = prices
    return Bar(open_time=at, open=first, high=top, low=bottom, close=last, volume=Decimal(draw.randint(1, 500)))


def mirrored(bars: Sequence[Bar], *, around: Decimal = Decimal(4)) -> list[Bar]:
    """Turn a market upside down: each price becomes `around` minus the price."""
    return [
        Bar(
            open_time=bar.open_time,
            open=around - bar.open,
            high=around - bar.low,
            low=around - bar.high,
            close=around - bar.close,
            volume=bar.volume,
        )
        for bar in bars
    ]


def a_window(base: Sequence[Bar] = (), higher: Sequence[Bar] = (), *, step: str = "1m", above: str = "5m") -> Window:
    """Build a window of mid prices; a half without bars is None."""
    halves = (
        BarSeries(interval=interval(length), side=PriceSide.MID, bars=tuple(bars)) if bars else None
        for length, bars in ((step, base), (above, higher))
    )
    return Window(base=next(halves), higher=next(halves))


def a_signal(**changes: Any) -> Signal:
    """Build an entry signal on EURUSD 5m."""
    values: dict[str, Any] = {
        "signal_id": UUID(int=1),
        "book": BOOK,
        "source": "tv",
        "strategy": "",
        "symbol": EURUSD.symbol,
        "exchange": EURUSD.exchange,
        "instrument_kind": EURUSD.kind,
        "direction": Direction.LONG,
        "action": Action.ENTRY,
        "timeframe": interval("5m"),
        "timestamp": None,
        "received_at": START,
        "price": None,
        "confidence": None,
        "signal_hash": "0" * 64,
        "flags": (),
        "is_test": False,
        "stage": Stage.RECEIVED,
        "attempts": 0,
    }
    return Signal(**values | changes)


def a_feed(step: str = "1m", side: PriceSide = PriceSide.MID, *, book: str = BOOK) -> Feed:
    """Name a series of EURUSD."""
    return Feed(book=book, instrument=EURUSD, interval=interval(step), side=side)


class BarsInMemory:
    """A BarStore that counts how often it is asked."""

    def __init__(self, series: dict[Feed, Iterable[Bar]]) -> None:
        self.series = {feed: list(bars) for feed, bars in series.items()}
        self.calls: Counter[str] = Counter()

    def feeds(self, book: str, instruments: Collection[Instrument]) -> Mapping[Instrument, Sequence[Feed]]:
        self.calls["feeds"] += 1
        return {instrument: self._list_feeds(book, instrument) for instrument in instruments}

    def _list_feeds(self, book: str, instrument: Instrument) -> Sequence[Feed]:
        known = [feed for feed in self.series if feed.book == book and feed.instrument == instrument]
        return sorted(known, key=lambda feed: (feed.interval.approximate, feed.side.value))

    def count_closed(self, feed: Feed, *, after: datetime, until: datetime) -> int:
        self.calls["count_closed"] += 1
        return sum(after < bar.end(feed.interval) <= until for bar in self.series[feed])

    def last_closed(self, feed: Feed, *, as_of: datetime, count: int) -> Sequence[Bar]:
        self.calls["last_closed"] += 1
        closed = [bar for bar in self.series[feed] if bar.end(feed.interval) <= as_of]
        return closed[-count:]

    def around(self, feed: Feed, *, first: datetime, last: datetime) -> Sequence[Bar]:
        self.calls["around"] += 1
        closed = [bar for bar in self.series[feed] if bar.end(feed.interval) <= first]
        return closed[-1:] + [
            bar for bar in self.series[feed] if bar.end(feed.interval) > first and bar.open_time <= last
        ]

    def first_opened(self, feed: Feed, *, after: datetime, until: datetime) -> Bar | None:
        self.calls["first_opened"] += 1
        return next((bar for bar in self.series[feed] if after < bar.open_time <= until), None)

    def closed_between(self, feed: Feed, *, after: datetime, until: datetime) -> Sequence[Bar]:
        self.calls["closed_between"] += 1
        return [bar for bar in self.series[feed] if after < bar.end(feed.interval) <= until]


def a_stored_market(
    series: dict[Feed, list[Bar]], *, opened: Quality = Quality.REPLAY, depth: ContextDepth | None = None
) -> StoredMarketData:
    """Build market data over series in memory."""
    return StoredMarketData(bars=BarsInMemory(dict(series)), opened=opened, depth=depth or ContextDepth())


def ask_for(market: MarketData, *moments: timedelta, **signal: Any) -> list[MarketView]:
    """Ask for the views of signals that arrive so long after the start, in one batch."""
    requests = [
        ViewRequest(
            signal=a_signal(**{"signal_id": UUID(int=place), "received_at": START + moment} | signal),
            as_of=START + moment,
        )
        for place, moment in enumerate(moments)
    ]
    return market.views(requests)
