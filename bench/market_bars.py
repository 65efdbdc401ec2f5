"""Stored bars for benchmarks: hourly bars, half of the symbols in an up trend, half in a down trend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from bench.alerts import INTERVAL, SYMBOLS
from config.settings import Settings
from db import bars
from db.core.session import Database
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind

BAR_COUNT = 400
_HOUR = timedelta(hours=1)
_CENT = Decimal("0.01")


def store_trending_bars(settings: Settings, *, book: str, at: datetime) -> None:
    """Store 400 closed hourly bars of each benchmarked symbol, the newest closed in the hour of `at`."""
    _store_bars(
        settings,
        book=book,
        at=at,
        histories={symbol: partial(_generate_trending_bars, index) for index, symbol in enumerate(SYMBOLS)},
    )


def store_rising_bars(settings: Settings, *, book: str, at: datetime, symbols: Sequence[str]) -> None:
    """Store 400 closed hourly bars of a wavy rise that ends near 100, which a trend-following engine enters."""
    _store_bars(settings, book=book, at=at, histories=dict.fromkeys(symbols, _generate_rising_bars))


def _store_bars(
    settings: Settings, *, book: str, at: datetime, histories: Mapping[str, Callable[..., Iterator[Bar]]]
) -> None:
    """Store the bars that each symbol's generator yields, up to the last closed hour before `at`."""
    newest = at.replace(minute=0, second=0, microsecond=0) - _HOUR
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            for symbol, history in histories.items():
                bars.add(session, _build_feed(symbol, book=book), history(newest=newest))
    finally:
        database.dispose()


def _build_feed(symbol: str, *, book: str) -> Feed:
    instrument = Instrument(symbol=symbol, exchange="", kind=InstrumentKind.SPOT)
    return Feed(book=book, instrument=instrument, interval=Interval.parse(INTERVAL), side=PriceSide.MID)


def _generate_trending_bars(symbol_number: int, *, newest: datetime) -> Iterator[Bar]:
    """Yield a wavy trend that ends near 100, the price in the alerts; even symbol numbers rise, odd ones fall."""
    drift = 0.06 if symbol_number % 2 == 0 else -0.06
    for number in range(BAR_COUNT):
        bars_left = BAR_COUNT - 1 - number
        middle = 100 - drift * bars_left + 1.5 * math.sin((number + symbol_number) / 6) + 0.4 * math.sin(number * 1.7)
        open_price, close_price = (Decimal(middle + offset).quantize(_CENT) for offset in (-drift, drift))
        width = Decimal(0.5 + 0.3 * abs(math.sin(number / 37))).quantize(_CENT)
        yield Bar(
            open_time=newest - bars_left * _HOUR,
            open=open_price,
            high=max(open_price, close_price) + width,
            low=min(open_price, close_price) - width,
            close=close_price,
            volume=Decimal(1000 + number * 37 % 400),
        )


def _generate_rising_bars(*, newest: datetime) -> Iterator[Bar]:
    """Yield a wavy rise by a quarter that ends near 100."""
    for number in range(BAR_COUNT):
        bars_left = BAR_COUNT - 1 - number
        open_price = Decimal(79 + 0.0525 * number + 0.8 * math.sin(number / 7)).quantize(_CENT)
        yield Bar(
            open_time=newest - bars_left * _HOUR,
            open=open_price,
            high=open_price + Decimal("0.21"),
            low=open_price - Decimal("0.21"),
            close=open_price + Decimal("0.08"),
            volume=Decimal(10 + number % 5),
        )
