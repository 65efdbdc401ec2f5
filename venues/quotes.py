"""Quotes from stored bars: the open of the bar that covers a moment, else the last close before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.context import Bar, PriceSide, Quality
from domain.ports import BarStore, Feed

_MAX_BARS_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrice:
    """Price of one side, the moment since which it is known, and whether a bar covers the requested moment."""

    price: Decimal
    since: datetime
    is_covered: bool


class QuoteLookup:
    """Lookup of one instrument's prices at moments from `first` to `last`, with few reads for many moments."""

    def __init__(self, bars: BarStore, feeds: Sequence[Feed], *, first: datetime, last: datetime) -> None:
        series = [_SeriesPrices(bars, feed, first=first, last=last) for feed in feeds]
        self._series_by_side = {side: [prices for prices in series if prices.feed.side is side] for side in PriceSide}

    def prices_at(self, moment: datetime) -> dict[PriceSide, KnownPrice]:
        """Return the known price of each side; a side that no series records is absent."""
        freshest = {
            side: _choose_freshest(prices.price_at(moment) for prices in series)
            for side, series in self._series_by_side.items()
        }
        return {side: price for side, price in freshest.items() if price is not None}


def rate_price(price: KnownPrice | None, *, covered: Quality) -> Quality:
    """Return `covered` for the open of a covering bar, `delayed` for a last close, `missing` for none."""
    if price is None:
        return Quality.MISSING
    return covered if price.is_covered else Quality.DELAYED


class _SeriesPrices:
    """Opens and closes of one series between two moments, read from the store when first needed."""

    def __init__(self, bars: BarStore, feed: Feed, *, first: datetime, last: datetime) -> None:
        self.feed = feed
        self._bars, self._first, self._last = bars, first, last
        self._covering_bars: list[Bar] | None = None
        self._closed_bars: list[Bar] | None = None

    def price_at(self, moment: datetime) -> KnownPrice | None:
        """Return the open of the bar that covers a moment, else the last close before it, else None."""
        return self._find_open(moment) or self._find_last_close(moment)

    def _find_open(self, moment: datetime) -> KnownPrice | None:
        """Return the open of the bar that covers a moment; None when there is none."""
        if self._covering_bars is None:
            self._covering_bars = self._load_covering_bars(moment)
        bar = next((candidate for candidate in reversed(self._covering_bars) if self._covers(candidate, moment)), None)
        if bar is None and self._is_wide:
            bar = self._bars.covering(self.feed, at=moment)
            self._covering_bars = [] if bar is None else [bar]
        return None if bar is None else KnownPrice(price=bar.open, since=bar.open_time, is_covered=True)

    @property
    def _is_wide(self) -> bool:
        """True when the moments span too many bars to read them all at once."""
        return self._last - self._first > _MAX_BARS_AT_ONCE * self.feed.interval.approximate

    def _load_covering_bars(self, moment: datetime) -> list[Bar]:
        """Return the bars that cover any moment of the span, oldest first; of a wide span only the one at `moment`."""
        if self._is_wide or self._first == self._last:
            bar = self._bars.covering(self.feed, at=moment)
            return [] if bar is None else [bar]
        until = self._last + 2 * self.feed.interval.approximate
        return list(self._bars.closed_between(self.feed, after=self._first, until=until))

    def _covers(self, bar: Bar, moment: datetime) -> bool:
        return bar.open_time <= moment < self.feed.interval.end(bar.open_time)

    def _find_last_close(self, moment: datetime) -> KnownPrice | None:
        """Return the last close before a moment; None when there is none."""
        for bar in reversed(self._load_closed_bars()):
            end = self.feed.interval.end(bar.open_time)
            if end <= moment:
                return KnownPrice(price=bar.close, since=end, is_covered=False)
        return None

    def _load_closed_bars(self) -> list[Bar]:
        """Return the last bar closed before the span and those that closed within it, oldest first."""
        if self._closed_bars is None:
            self._closed_bars = list(self._bars.last_closed(self.feed, as_of=self._first, count=1))
            if self._last > self._first:
                self._closed_bars += self._bars.closed_between(self.feed, after=self._first, until=self._last)
        return self._closed_bars


def _choose_freshest(prices: Iterable[KnownPrice | None]) -> KnownPrice | None:
    """Return the price that became known last; series come finest first, and the first covering one ends the search."""
    best: KnownPrice | None = None
    for price in prices:
        if price is not None and (best is None or price.since > best.since):
            best = price
        if price is not None and price.is_covered:
            break
    return best
