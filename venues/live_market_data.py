"""Market data from a venue: present quotes, and the closed bars that the venue itself keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from domain import context_builder, resample
from domain.context import (
    DEFAULT_DEPTH,
    Bar,
    BarSeries,
    ContextDepth,
    MarketView,
    PriceSide,
    Quality,
    Quote,
    Window,
)
from domain.intervals import Interval
from domain.ports import BookClock, VenueUnavailable, ViewRequest, WalkBars
from domain.signal import Instrument
from venues import bar_history
from venues.bar_cache import Walked

LIVE_WITHIN = timedelta(seconds=10)
ONE_MINUTE = Interval.parse("1m")
_SERIES_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePrices:
    """The best prices of the moment; None where the venue has none."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class Source(Protocol):
    """A venue that can be asked for prices; what stays unanswered raises VenueUnavailable."""

    intervals: Sequence[Interval]

    def prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the present prices; None when the venue does not list the instrument."""
        ...

    def newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return about `count` newest bars that opened before `until`, oldest first; the last may be open."""
        ...

    def since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars that opened in [start, until), oldest first, and up to which moment none is missing.

        That moment is `until` unless they are too many.
        """
        ...


class LiveMarketData:
    """A venue behind the market data port; used by one thread at a time.

    What is asked as of a moment that has passed gets no quote of now: its last price is the newest close before it.
    While the venue is silent everything is missing.
    """

    def __init__(self, source: Source, *, clock: BookClock, depth: ContextDepth = DEFAULT_DEPTH) -> None:
        self._source, self._clock, self._depth = source, clock, depth
        self._series: dict[tuple[Instrument, Interval, int], BarSeries] = {}
        self._walked: dict[Instrument, Walked] = {}
        self._made = bar_history.MadeWindows()

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer each request in order; requests about one instrument share its quote, on one bar its window."""
        batch = _Batch(self._source)
        present = {book: self._clock.now(book) for book in sorted({one.signal.book for one in requests})}
        return [self._view(one, batch, is_live=_is_live(one.as_of, present[one.signal.book])) for one in requests]

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the quote at a moment, with an empty window."""
        batch, is_live = _Batch(self._source), _is_live(at, self._clock.now(book))
        quote, quality = self._quoted(batch, instrument, at=at, is_live=is_live)
        return self._shown(quote, quality, bar_history.NO_WINDOW)

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:  # noqa: ARG002 - a venue has the same bars for all books
        """Return the one-minute bars with an end in (after, until], as far as the venue tells them."""
        known = self._walked.setdefault(instrument, Walked(ONE_MINUTE))
        try:
            known.extend(
                lambda start, end: self._source.since(instrument, ONE_MINUTE, start=start, until=end),
                after=after,
                until=until,
            )
        except VenueUnavailable:
            return WalkBars(series=())
        bars = known.between(after=after, until=until)
        return WalkBars(series=(BarSeries(interval=ONE_MINUTE, side=PriceSide.MID, bars=bars),))

    def _view(self, request: ViewRequest, batch: _Batch, *, is_live: bool) -> MarketView:
        signal, as_of = request.signal, request.as_of
        quote, quality = self._quoted(batch, signal.instrument, at=as_of, is_live=is_live)
        if signal.timeframe is None:
            return self._shown(quote, quality, bar_history.NO_WINDOW)
        base = self._closed(batch, signal.instrument, signal.timeframe, as_of=as_of, count=self._depth.base)
        higher = self._closed(batch, signal.instrument, signal.timeframe.next, as_of=as_of, count=self._depth.higher)
        window = self._made.of(base, higher)
        return self._shown(quote, quality | _window_quality(window, as_of=as_of), window)

    def _quoted(
        self, batch: _Batch, instrument: Instrument, *, at: datetime, is_live: bool
    ) -> tuple[Quote, dict[str, Quality]]:
        known, quality = Quality.LIVE, Quality.LIVE
        prices = batch.prices(instrument) if is_live else self._last_close(batch, instrument, at=at)
        if not is_live:
            known = quality = Quality.DELAYED
        if prices is None:
            prices, quality = LivePrices(bid=None, ask=None, last=None), Quality.MISSING
        fields = {"bid": prices.bid, "ask": prices.ask, "last": prices.last}
        each = {name: Quality.MISSING if price is None else known for name, price in fields.items()}
        return Quote(at=at, **fields, quality=quality), each

    def _last_close(self, batch: _Batch, instrument: Instrument, *, at: datetime) -> LivePrices | None:
        bars = batch.newest(instrument, ONE_MINUTE, until=at, count=3)
        closed = [one for one in bars if ONE_MINUTE.end(one.open_time) <= at]
        return LivePrices(bid=None, ask=None, last=closed[-1].close) if closed else None

    def _closed(
        self, batch: _Batch, instrument: Instrument, interval: Interval, *, as_of: datetime, count: int
    ) -> BarSeries | None:
        key = (instrument, interval, count)
        kept = self._series.pop(key, None)
        if kept is None or not _is_current(kept, as_of=as_of):
            kept = self._read(batch, instrument, interval, as_of=as_of, count=count)
        if kept is not None:
            self._series[key] = kept
            while len(self._series) > _SERIES_KEPT:
                self._series.pop(next(iter(self._series)))
        return kept

    def _read(
        self, batch: _Batch, instrument: Instrument, interval: Interval, *, as_of: datetime, count: int
    ) -> BarSeries | None:
        source = _source_interval(self._source.intervals, interval)
        if source is None:
            return None
        per = -(-interval.approximate // source.approximate)
        bars = batch.newest(instrument, source, until=as_of, count=(count + 1) * per)
        closed = resample.resample(bars, source=source, to=interval, as_of=as_of)
        whole = closed[1:] if closed and bars[0].open_time > interval.floor(closed[0].open_time) else closed
        return BarSeries(interval=interval, side=PriceSide.MID, bars=whole[-count:]) if whole else None

    def _shown(self, quote: Quote, quality: dict[str, Quality], window: Window) -> MarketView:
        return context_builder.drop_crossed_sides(
            MarketView(quote=quote, window=window, quality=quality, depth=self._depth)
        )


class _Batch:
    """One call's questions: each is asked once, and none after the venue was silent."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._prices: dict[Instrument, LivePrices | None] = {}
        self._is_silent = False

    def prices(self, instrument: Instrument) -> LivePrices | None:
        if instrument not in self._prices and not self._is_silent:
            try:
                self._prices[instrument] = self._source.prices(instrument)
            except VenueUnavailable:
                self._is_silent = True
        return self._prices.get(instrument)

    def newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        if self._is_silent:
            return []
        try:
            return self._source.newest(instrument, interval, until=until, count=count)
        except VenueUnavailable:
            self._is_silent = True
            return []


def _is_live(at: datetime, present: datetime) -> bool:
    return present - at <= LIVE_WITHIN


def _is_current(series: BarSeries, *, as_of: datetime) -> bool:
    """Whether nothing can have closed between the last bar's end and `as_of`."""
    end = series.interval.end(series.bars[-1].open_time)
    return end <= as_of < series.interval.end(end)


def _source_interval(known: Sequence[Interval], wanted: Interval) -> Interval | None:
    """Return the longest interval of the venue that makes up the wanted one."""
    fit = [one for one in known if one == wanted or resample.divides(one, wanted)]
    return wanted if wanted in fit else max(fit, key=lambda one: one.approximate, default=None)


def _window_quality(window: Window, *, as_of: datetime) -> dict[str, Quality]:
    bars = _series_quality(window.base, as_of=as_of)
    has_volume = window.base is not None and window.base.bars[-1].volume is not None
    return {
        "bars": bars,
        "higher_bars": _series_quality(window.higher, as_of=as_of),
        "volume": bars if has_volume else Quality.MISSING,
    }


def _series_quality(series: BarSeries | None, *, as_of: datetime) -> Quality:
    if series is None:
        return Quality.MISSING
    return Quality.LIVE if _is_current(series, as_of=as_of) else Quality.DELAYED
