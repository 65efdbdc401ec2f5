"""Prices from stored bars: the open of a bar that has just opened, else the last close before a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain import market_prices
from domain.context import Bar, PriceBasis, PriceSide, Quality
from domain.ports import BarStore, Feed

_MAX_BARS_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrice:
    """Price of one side, the moment since which it is known, and whether it is an open or a close."""

    price: Decimal
    since: datetime
    basis: PriceBasis


class QuoteLookup:
    """Lookup of one instrument's prices at moments from `first` to `last`, with few reads for many moments."""

    def __init__(self, bars: BarStore, feeds: Sequence[Feed], *, first: datetime, last: datetime) -> None:
        series = [_SeriesPrices(bars, feed, first=first, last=last) for feed in feeds]
        self._series_by_side = {side: [prices for prices in series if prices.feed.side is side] for side in PriceSide}

    def prices_at(self, moment: datetime) -> dict[PriceSide, KnownPrice]:
        """Return the known price of each side: opens where there are any, else closes; a side without one is absent."""
        opens = {
            side: next((price for prices in series if (price := prices.find_open(moment))), None)
            for side, series in self._series_by_side.items()
        }
        return _drop_unknown(opens) or self._find_last_closes(moment)

    def _find_last_closes(self, moment: datetime) -> dict[PriceSide, KnownPrice]:
        """Return for each side the close that became known last, of the finest series among equals."""
        closes = {
            side: _choose_freshest(prices.find_last_close(moment) for prices in series)
            for side, series in self._series_by_side.items()
        }
        return _drop_unknown(closes)


def find_next_opens(
    bars: BarStore, feeds: Sequence[Feed], *, after: datetime, until: datetime
) -> dict[PriceSide, KnownPrice]:
    """Return the opens of the bars that open first in (after, until], by side; the same moment for all sides."""
    opens = [(feed.side, bar) for feed in feeds if (bar := bars.first_opened(feed, after=after, until=until))]
    first = min((bar.open_time for _, bar in opens), default=None)
    return {
        side: KnownPrice(price=bar.open, since=bar.open_time, basis=PriceBasis.NEXT_OPEN)
        for side, bar in reversed(opens)
        if bar.open_time == first
    }


def rate_price(price: KnownPrice | None, *, opened: Quality) -> Quality:
    """Return the quality `opened` for an open, `delayed` for a last close, `missing` for none."""
    if price is None:
        return Quality.MISSING
    return Quality.DELAYED if price.basis is PriceBasis.CLOSE else opened


class _SeriesPrices:
    """Opens and closes of one series between two moments, read from the store when first needed."""

    def __init__(self, bars: BarStore, feed: Feed, *, first: datetime, last: datetime) -> None:
        self.feed = feed
        self._bars, self._first, self._last = bars, first, last
        self._covering_bars: list[Bar] | None = None
        self._closed_bars: list[Bar] | None = None

    def find_open(self, moment: datetime) -> KnownPrice | None:
        """Return the open of a bar that opened at a moment or just before it; None when there is none."""
        if self._covering_bars is None:
            self._covering_bars = self._load_covering_bars(moment)
        bar = next((candidate for candidate in reversed(self._covering_bars) if self._covers(candidate, moment)), None)
        if bar is None and self._is_wide:
            bar = self._bars.covering(self.feed, at=moment)
            self._covering_bars = [] if bar is None else [bar]
        if bar is None or moment - bar.open_time > market_prices.how_long_open_counts(self.feed.interval.approximate):
            return None
        return KnownPrice(price=bar.open, since=bar.open_time, basis=PriceBasis.OPEN)

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
        return bar.open_time <= moment < bar.end(self.feed.interval)

    def find_last_close(self, moment: datetime) -> KnownPrice | None:
        """Return the last close before a moment; None when there is none."""
        for bar in reversed(self._load_closed_bars()):
            end = bar.end(self.feed.interval)
            if end <= moment:
                return KnownPrice(price=bar.close, since=end, basis=PriceBasis.CLOSE)
        return None

    def _load_closed_bars(self) -> list[Bar]:
        """Return the last bar closed before the span and those that closed within it, oldest first."""
        if self._closed_bars is None:
            self._closed_bars = list(self._bars.last_closed(self.feed, as_of=self._first, count=1))
            if self._last > self._first:
                self._closed_bars += self._bars.closed_between(self.feed, after=self._first, until=self._last)
        return self._closed_bars


def _drop_unknown(prices: Mapping[PriceSide, KnownPrice | None]) -> dict[PriceSide, KnownPrice]:
    return {side: price for side, price in prices.items() if price is not None}


def _choose_freshest(prices: Iterable[KnownPrice | None]) -> KnownPrice | None:
    """Return the price that became known last, the first among equals: series come finest first."""
    return max((price for price in prices if price is not None), key=lambda price: price.since, default=None)
