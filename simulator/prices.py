"""The simulator's prices: what was set, since when, and the bars that follow from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from simulator.catalogue import Listing

_WAVE_MS = 17 * 60_000
_SWING = Decimal("0.0005")
_WICK = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """The best prices since a moment (milliseconds of Unix time)."""

    since: int
    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Halfway between both."""
        return (self.bid + self.ask) / 2


class PriceBoard:
    """Best bid and ask by symbol, with their history."""

    def __init__(self, listings: Iterable[Listing]) -> None:
        self._ticks = {one.symbol: one.tick for one in listings}
        self._levels = {one.symbol: [Level(since=0, bid=one.bid, ask=one.ask)] for one in listings}
        self._lock = Lock()

    def set(self, symbol: str, *, bid: Decimal, ask: Decimal, at: int) -> None:
        """Set the best prices from a moment on."""
        with self._lock:
            self._levels[symbol].append(Level(since=at, bid=bid, ask=ask))

    def now(self, symbol: str) -> Level:
        """Return the best prices in force."""
        return self._levels[symbol][-1]

    def bar(self, symbol: str, *, start: int, end: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return open, high, low and close of a span: the set prices with a small wave, the same at every call."""
        first, last = self._wave(symbol, start), self._wave(symbol, end)
        inside = [one.mid for one in list(self._levels[symbol]) if start <= one.since < end]
        high = max(first, last, *inside) * (1 + _WICK)
        low = min(first, last, *inside) * (1 - _WICK)
        tick = self._ticks[symbol]
        return first.quantize(tick), high.quantize(tick), low.quantize(tick), last.quantize(tick)

    def _wave(self, symbol: str, at: int) -> Decimal:
        level = next(one for one in reversed(list(self._levels[symbol])) if one.since <= at)
        phase = Decimal(repr(round(math.sin(2 * math.pi * (at % _WAVE_MS) / _WAVE_MS), 6)))
        return level.mid * (1 + _SWING * phase)
