"""Quotes from stored bars: the open of the bar that covers a moment, else the last close before it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.context import Bar, PriceSide, Quality
from domain.ports import BarStore, Feed

_READ_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPrice:
    """A price of one side, since when it is known, and whether a bar covers the moment that was asked for."""

    price: Decimal
    since: datetime
    is_covered: bool


class QuoteBoard:
    """The prices of one instrument at moments from `first` to `last`, with few readings for many moments."""

    def __init__(self, bars: BarStore, feeds: Sequence[Feed], *, first: datetime, last: datetime) -> None:
        lanes = [_Lane(bars, feed, first=first, last=last) for feed in feeds]
        self._lanes = {side: [lane for lane in lanes if lane.feed.side is side] for side in PriceSide}

    def at(self, moment: datetime) -> dict[PriceSide, KnownPrice]:
        """Return what is known of each side; a side that no series records is absent."""
        known = {side: _freshest(lane.at(moment) for lane in lanes) for side, lanes in self._lanes.items()}
        return {side: price for side, price in known.items() if price is not None}


def quality_of(known: KnownPrice | None, *, covered: Quality) -> Quality:
    """Return `covered` for the open of a covering bar, `delayed` for a last close, `missing` for none."""
    if known is None:
        return Quality.MISSING
    return covered if known.is_covered else Quality.DELAYED


class _Lane:
    """One series between two moments."""

    def __init__(self, bars: BarStore, feed: Feed, *, first: datetime, last: datetime) -> None:
        self.feed = feed
        self._bars, self._first, self._last = bars, first, last
        self._near: list[Bar] | None = None
        self._closed: list[Bar] | None = None

    def at(self, moment: datetime) -> KnownPrice | None:
        return self._open_at(moment) or self._close_before(moment)

    def _open_at(self, moment: datetime) -> KnownPrice | None:
        if self._near is None:
            self._near = self._bars_near(moment)
        found = next((bar for bar in reversed(self._near) if self._covers(bar, moment)), None)
        if found is None and self._is_wide:
            found = self._bars.covering(self.feed, at=moment)
            self._near = [] if found is None else [found]
        return None if found is None else KnownPrice(price=found.open, since=found.open_time, is_covered=True)

    @property
    def _is_wide(self) -> bool:
        """Whether too many bars lie between the moments to read them all for the few that are asked for."""
        return self._last - self._first > _READ_AT_ONCE * self.feed.interval.approximate

    def _bars_near(self, moment: datetime) -> list[Bar]:
        """Return every bar that covers a moment of the board, oldest first; of a wide board the one at `moment`."""
        if self._is_wide or self._first == self._last:
            found = self._bars.covering(self.feed, at=moment)
            return [] if found is None else [found]
        until = self._last + 2 * self.feed.interval.approximate
        return list(self._bars.closed_between(self.feed, after=self._first, until=until))

    def _covers(self, bar: Bar, moment: datetime) -> bool:
        return bar.open_time <= moment < self.feed.interval.end(bar.open_time)

    def _close_before(self, moment: datetime) -> KnownPrice | None:
        for bar in reversed(self._closed_bars()):
            end = self.feed.interval.end(bar.open_time)
            if end <= moment:
                return KnownPrice(price=bar.close, since=end, is_covered=False)
        return None

    def _closed_bars(self) -> list[Bar]:
        if self._closed is None:
            self._closed = list(self._bars.last_closed(self.feed, as_of=self._first, count=1))
            if self._last > self._first:
                self._closed += self._bars.closed_between(self.feed, after=self._first, until=self._last)
        return self._closed


def _freshest(prices: Iterable[KnownPrice | None]) -> KnownPrice | None:
    """Return the price that became known last, looking no further than the first series (finest first) that covers."""
    best: KnownPrice | None = None
    for one in prices:
        if one is not None and (best is None or one.since > best.since):
            best = one
        if one is not None and one.is_covered:
            break
    return best
