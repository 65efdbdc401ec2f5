"""The simulator's prices: the best bid and ask that were set, their history, and bars computed from it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from threading import Lock

from simulator.catalogue import ListedInstrument

_WAVE_MS = 17 * 60_000
_SWING = Decimal("0.0005")
_WICK = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLevel:
    """Best bid and ask from the moment `since` on, in milliseconds of Unix time."""

    since: int
    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Price halfway between bid and ask."""
        return (self.bid + self.ask) / 2


class PriceBoard:
    """Best bid and ask by symbol, with their history."""

    def __init__(self, instruments: Iterable[ListedInstrument]) -> None:
        self._ticks = {instrument.symbol: instrument.tick for instrument in instruments}
        self._levels = {
            instrument.symbol: [PriceLevel(since=0, bid=instrument.bid, ask=instrument.ask)]
            for instrument in instruments
        }
        self._lock = Lock()

    def set(self, symbol: str, *, bid: Decimal, ask: Decimal, at: int) -> None:
        """Set the best prices from a moment on."""
        with self._lock:
            self._levels[symbol].append(PriceLevel(since=at, bid=bid, ask=ask))

    def current(self, symbol: str) -> PriceLevel:
        """Return the present best prices."""
        return self._levels[symbol][-1]

    def build_bar(self, symbol: str, *, start: int, end: int) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        """Return open, high, low and close of a span: the set prices with a small wave, equal at every call."""
        open_price, close_price = self._wavy_price(symbol, start), self._wavy_price(symbol, end)
        prices_inside = [level.mid for level in list(self._levels[symbol]) if start <= level.since < end]
        high = max(open_price, close_price, *prices_inside) * (1 + _WICK)
        low = min(open_price, close_price, *prices_inside) * (1 - _WICK)
        tick = self._ticks[symbol]
        return open_price.quantize(tick), high.quantize(tick), low.quantize(tick), close_price.quantize(tick)

    def _wavy_price(self, symbol: str, at: int) -> Decimal:
        """Return the mid price at a moment, moved by up to 0.05 % along a sine wave of 17 minutes."""
        level = next(candidate for candidate in reversed(list(self._levels[symbol])) if candidate.since <= at)
        phase = Decimal(repr(round(math.sin(2 * math.pi * (at % _WAVE_MS) / _WAVE_MS), 6)))
        return level.mid * (1 + _SWING * phase)
