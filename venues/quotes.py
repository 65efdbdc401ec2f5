"""Prices from stored bars: the open of a bar that has just opened, else the last close before a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property

from domain import market_prices
from domain.context import Bar, PriceBasis, PriceSide, Quality
from domain.ports import BarStore, Feed


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
    """Opens and closes of one series between two moments, read from the store in one go when first needed."""

    def __init__(self, bars: BarStore, feed: Feed, *, first: datetime, last: datetime) -> None:
        self.feed = feed
        self._bars, self._first, self._last = bars, first, last

    def find_open(self, moment: datetime) -> KnownPrice | None:
        """Return the open of a bar that opened at a moment or just before it; None when there is none."""
        bar = next((bar for bar in reversed(self._series) if self._covers(bar, moment)), None)
        if bar is None or moment - bar.open_time > market_prices.how_long_open_counts(self.feed.interval.approximate):
            return None
        return KnownPrice(price=bar.open, since=bar.open_time, basis=PriceBasis.OPEN)

    def find_last_close(self, moment: datetime) -> KnownPrice | None:
        """Return the last close before a moment; None when there is none."""
        ends = ((bar, bar.end(self.feed.interval)) for bar in reversed(self._series))
        return next(
            (KnownPrice(price=bar.close, since=end, basis=PriceBasis.CLOSE) for bar, end in ends if end <= moment), None
        )

    @cached_property
    def _series(self) -> Sequence[Bar]:
        """The last bar that closed before the span, and the bars of the span, oldest first."""
        return self._bars.around(self.feed, first=self._first, last=self._last)

    def _covers(self, bar: Bar, moment: datetime) -> bool:
        return bar.open_time <= moment < bar.end(self.feed.interval)


def _drop_unknown(prices: Mapping[PriceSide, KnownPrice | None]) -> dict[PriceSide, KnownPrice]:
    return {side: price for side, price in prices.items() if price is not None}


def _choose_freshest(prices: Iterable[KnownPrice | None]) -> KnownPrice | None:
    """Return the price that became known last, the first among equals: series come finest first."""
    return max((price for price in prices if price is not None), key=lambda price: price.since, default=None)
