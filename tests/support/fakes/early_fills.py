"""A wrong rule of filling: at the open of the bar in which an alert fires, before the move that made it fire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from domain.context import Bar, MarketView, PriceBasis, Quote
from domain.intervals import Interval
from domain.market_prices import FillRequest
from domain.ports import MarketData, ViewRequest, WalkBars
from domain.signal import Instrument
from tests.support.builders.markets import START


@dataclass(frozen=True, kw_only=True)
class FillsAtTheBarsOpen:
    """Market data that are right in all else; `bars` are those of the interval `size`, without gaps from the start."""

    stored: MarketData
    size: Interval
    bars: Sequence[Bar]

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        return self.stored.views(requests)

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        return self.stored.walk_bars(book, instrument, after=after, until=until)

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        return self.stored.quote(book, instrument, at=at)

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        return [self._quote_open(request) for request in requests]

    def _quote_open(self, request: FillRequest) -> Quote:
        bar = self.bars[(request.at - START) // self.size.approximate]
        shown = self.stored.quote(request.book, request.instrument, at=request.at).quote
        return replace(shown, at=request.at, last=bar.open, basis=PriceBasis.OPEN, priced_at=request.at)
