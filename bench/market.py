"""The market that benchmarked signals look at: hourly bars, half of the symbols in an up trend, half in a down one."""

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

BARS = 400
_HOUR = timedelta(hours=1)
_CENT = Decimal("0.01")


def store(settings: Settings, *, book: str, at: datetime) -> None:
    """Store 400 closed hourly bars of each benchmarked symbol, the newest closed in the hour of `at`."""
    _add(settings, book=book, at=at, histories={symbol: partial(_history, one) for one, symbol in enumerate(SYMBOLS)})


def store_rising(settings: Settings, *, book: str, at: datetime, symbols: Sequence[str]) -> None:
    """Store 400 bars likewise, of a wavy rise that ends near 100 and that an engine which follows trends enters."""
    _add(settings, book=book, at=at, histories=dict.fromkeys(symbols, _rising))


def _add(settings: Settings, *, book: str, at: datetime, histories: Mapping[str, Callable[..., Iterator[Bar]]]) -> None:
    newest = at.replace(minute=0, second=0, microsecond=0) - _HOUR
    database = Database(settings.sqlalchemy_url, pool_size=1)
    try:
        with database.transaction() as session:
            for symbol, history in histories.items():
                bars.add(session, _feed(symbol, book=book), history(newest=newest))
    finally:
        database.dispose()


def _feed(symbol: str, *, book: str) -> Feed:
    instrument = Instrument(symbol=symbol, exchange="", kind=InstrumentKind.SPOT)
    return Feed(book=book, instrument=instrument, interval=Interval.parse(INTERVAL), side=PriceSide.MID)


def _history(symbol: int, *, newest: datetime) -> Iterator[Bar]:
    """Yield a wavy trend that ends near 100, where the alerts' prices are."""
    drift = 0.06 if symbol % 2 == 0 else -0.06
    for number in range(BARS):
        left = BARS - 1 - number
        middle = 100 - drift * left + 1.5 * math.sin((number + symbol) / 6) + 0.4 * math.sin(number * 1.7)
        opened, closed = (Decimal(middle + off).quantize(_CENT) for off in (-drift, drift))
        width = Decimal(0.5 + 0.3 * abs(math.sin(number / 37))).quantize(_CENT)
        yield Bar(
            open_time=newest - left * _HOUR,
            open=opened,
            high=max(opened, closed) + width,
            low=min(opened, closed) - width,
            close=closed,
            volume=Decimal(1000 + number * 37 % 400),
        )


def _rising(*, newest: datetime) -> Iterator[Bar]:
    """Yield a wavy rise of a quarter that ends near 100."""
    for number in range(BARS):
        left = BARS - 1 - number
        opened = Decimal(79 + 0.0525 * number + 0.8 * math.sin(number / 7)).quantize(_CENT)
        yield Bar(
            open_time=newest - left * _HOUR,
            open=opened,
            high=opened + Decimal("0.21"),
            low=opened - Decimal("0.21"),
            close=opened + Decimal("0.08"),
            volume=Decimal(10 + number % 5),
        )
