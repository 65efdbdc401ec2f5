"""Market data from a venue: its present quotes, and the closed bars that it stores itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from domain import market_prices, resample, snapshot_prices, trading_hours
from domain.context import (
    DEFAULT_DEPTH,
    Bar,
    BarSeries,
    ContextDepth,
    MarketView,
    PriceBasis,
    PriceSide,
    Quality,
    Quote,
    Window,
)
from domain.intervals import Interval
from domain.market_prices import FillRequest
from domain.ports import BookClock, VenueUnavailable, ViewRequest, WalkBars
from domain.signal import Instrument
from venues import bar_windows
from venues.bar_cache import CachedBars

LIVE_WITHIN = timedelta(seconds=10)
ONE_MINUTE = Interval.parse("1m")
_MAX_CACHED_SERIES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePrices:
    """The best present prices; None where the venue has none."""

    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class PriceSource(Protocol):
    """A venue's prices and bars; every method raises VenueUnavailable when the venue does not answer."""

    intervals: Sequence[Interval]

    def read_prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the present prices; None when the venue does not list the instrument."""
        ...

    def read_newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return about `count` newest bars that opened before `until`, oldest first; the last may be open."""
        ...

    def read_since(
        self, instrument: Instrument, interval: Interval, *, start: datetime, until: datetime
    ) -> tuple[list[Bar], datetime]:
        """Return the bars that opened in [start, until), oldest first, and the moment up to which they are complete.

        That moment is `until`, or earlier when there are too many bars for one call.
        """
        ...


class LiveMarketData:
    """Market data provider over a venue; used by one thread at a time.

    A request as of a moment that has passed gets no present quote: its last price is the newest close before that
    moment. While the venue does not answer, everything is marked missing.
    """

    def __init__(self, source: PriceSource, *, clock: BookClock, depth: ContextDepth = DEFAULT_DEPTH) -> None:
        self._source, self._clock, self._depth = source, clock, depth
        self._series: dict[tuple[Instrument, Interval, int], BarSeries] = {}
        self._cached_bars: dict[Instrument, CachedBars] = {}
        self._windows = bar_windows.WindowCache()

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer each request in order; requests about one instrument share its quote, on one bar its window."""
        batch = _BatchReader(self._source)
        present = {book: self._clock.now(book) for book in sorted({request.signal.book for request in requests})}
        return [
            self._answer(request, batch, is_live=_is_live(request.as_of, present[request.signal.book]))
            for request in requests
        ]

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the quote at a moment, with an empty window."""
        batch, is_live = _BatchReader(self._source), _is_live(at, self._clock.now(book))
        quote, quality = self._build_quote(batch, instrument, at=at, is_live=is_live)
        return self._build_view(quote, quality, bar_windows.EMPTY_WINDOW)

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        """Return the present quote for each request whose moment has come, else its alert's price where that counts."""
        batch = _BatchReader(self._source)
        return [self._find_fill_quote(request, batch) for request in requests]

    def _find_fill_quote(self, request: FillRequest, batch: _BatchReader) -> Quote | None:
        """Return the quote of one request; None when it must wait."""
        present = self._clock.now(request.book)
        if present < request.at:
            return None
        quote = _build_live_quote(batch, request.instrument, at=present)
        known = quote if quote.is_usable else _find_last_close(batch, request.instrument, at=request.at)
        return market_prices.quote_filled(
            known,
            request.alert,
            at=request.at,
            is_in_session=trading_hours.is_in_session(request.instrument, request.at, calendar=request.calendar),
        )

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:  # noqa: ARG002 - a venue has the same bars for all books
        """Return the one-minute bars with an end in (after, until], or none while the venue is silent."""
        cached_bars = self._cached_bars.setdefault(instrument, CachedBars(ONE_MINUTE))
        try:
            cached_bars.extend(
                lambda start, end: self._source.read_since(instrument, ONE_MINUTE, start=start, until=end),
                after=after,
                until=until,
            )
        except VenueUnavailable:
            return WalkBars(series=())
        bars = cached_bars.select(after=after, until=until)
        return WalkBars(series=(BarSeries(interval=ONE_MINUTE, side=PriceSide.MID, bars=bars),))

    def _answer(self, request: ViewRequest, batch: _BatchReader, *, is_live: bool) -> MarketView:
        """Build the view of one request from its quote and the bars of its timeframe and the next one."""
        signal, as_of = request.signal, request.as_of
        quote, quality = self._build_quote(batch, signal.instrument, at=as_of, is_live=is_live)
        window = self._load_window(request, batch)
        view = self._build_view(quote, quality | _rate_window(window, as_of=as_of), window)
        return snapshot_prices.add_alert_price(view, signal)

    def _load_window(self, request: ViewRequest, batch: _BatchReader) -> Window:
        """Return the closed bars of a request's timeframe and of the next one; no bars where it has no timeframe."""
        signal, as_of = request.signal, request.as_of
        if signal.timeframe is None:
            return bar_windows.EMPTY_WINDOW
        base = self._load_series(batch, signal.instrument, signal.timeframe, as_of=as_of, count=self._depth.base)
        higher = self._load_series(
            batch, signal.instrument, signal.timeframe.next, as_of=as_of, count=self._depth.higher
        )
        return self._windows.window_of(base, higher)

    def _build_quote(
        self, batch: _BatchReader, instrument: Instrument, *, at: datetime, is_live: bool
    ) -> tuple[Quote, dict[str, Quality]]:
        """Build the quote at a moment, with the quality of each of its prices by field name."""
        quote = _build_live_quote(batch, instrument, at=at) if is_live else _find_last_close(batch, instrument, at=at)
        fields = {"bid": quote.bid, "ask": quote.ask, "last": quote.last}
        known = Quality.LIVE if is_live else Quality.DELAYED
        return quote, {name: Quality.MISSING if price is None else known for name, price in fields.items()}

    def _load_series(
        self, batch: _BatchReader, instrument: Instrument, interval: Interval, *, as_of: datetime, count: int
    ) -> BarSeries | None:
        """Return the last `count` closed bars as of a moment: the cached series while no newer bar can have closed."""
        key = (instrument, interval, count)
        series = self._series.pop(key, None)
        if series is None or not _is_current(series, as_of=as_of):
            series = self._read_series(batch, instrument, interval, as_of=as_of, count=count)
        if series is not None:
            self._series[key] = series
            while len(self._series) > _MAX_CACHED_SERIES:
                self._series.pop(next(iter(self._series)))
        return series

    def _read_series(
        self, batch: _BatchReader, instrument: Instrument, interval: Interval, *, as_of: datetime, count: int
    ) -> BarSeries | None:
        """Read bars from the venue and combine them to the interval; None when the venue has none that fit."""
        source_interval = _choose_source_interval(self._source.intervals, interval)
        if source_interval is None:
            return None
        ratio = -(-interval.approximate // source_interval.approximate)
        bars = batch.read_newest(instrument, source_interval, until=as_of, count=(count + 1) * ratio)
        closed_bars = resample.resample(bars, source=source_interval, to=interval, as_of=as_of)
        whole_bars = (
            closed_bars[1:]
            if closed_bars and bars[0].open_time > interval.floor(closed_bars[0].open_time)
            else closed_bars
        )
        return BarSeries(interval=interval, side=PriceSide.MID, bars=whole_bars[-count:]) if whole_bars else None

    def _build_view(self, quote: Quote, quality: dict[str, Quality], window: Window) -> MarketView:
        """Build a view without a bid and ask that cross each other."""
        return snapshot_prices.drop_crossed_sides(
            MarketView(quote=quote, window=window, quality=quality, depth=self._depth)
        )


class _BatchReader:
    """Reader for one batch of requests: it reads each price once, and nothing more after the venue did not answer."""

    def __init__(self, source: PriceSource) -> None:
        self._source = source
        self._prices: dict[Instrument, LivePrices | None] = {}
        self._is_silent = False

    def read_prices(self, instrument: Instrument) -> LivePrices | None:
        """Return the present prices, read at most once; None when the venue has none or does not answer."""
        if instrument not in self._prices and not self._is_silent:
            try:
                self._prices[instrument] = self._source.read_prices(instrument)
            except VenueUnavailable:
                self._is_silent = True
        return self._prices.get(instrument)

    def read_newest(self, instrument: Instrument, interval: Interval, *, until: datetime, count: int) -> list[Bar]:
        """Return the newest bars; none when the venue does not answer."""
        if self._is_silent:
            return []
        try:
            return self._source.read_newest(instrument, interval, until=until, count=count)
        except VenueUnavailable:
            self._is_silent = True
            return []


def _build_live_quote(batch: _BatchReader, instrument: Instrument, *, at: datetime) -> Quote:
    """Return the present quote, with no price where the venue has none or does not answer."""
    prices = batch.read_prices(instrument)
    if prices is None:
        return Quote(at=at, bid=None, ask=None, last=None, quality=Quality.MISSING)
    return Quote(
        at=at,
        bid=prices.bid,
        ask=prices.ask,
        last=prices.last,
        quality=Quality.LIVE,
        basis=PriceBasis.LIVE,
        priced_at=at,
    )


def _find_last_close(batch: _BatchReader, instrument: Instrument, *, at: datetime) -> Quote:
    """Return the last close before a moment as the last price; no price when there is no closed bar."""
    bars = batch.read_newest(instrument, ONE_MINUTE, until=at, count=3)
    closed = [bar for bar in bars if ONE_MINUTE.end(bar.open_time) <= at]
    if not closed:
        return Quote(at=at, bid=None, ask=None, last=None, quality=Quality.MISSING)
    return Quote(
        at=at,
        bid=None,
        ask=None,
        last=closed[-1].close,
        quality=Quality.DELAYED,
        basis=PriceBasis.CLOSE,
        priced_at=ONE_MINUTE.end(closed[-1].open_time),
    )


def _is_live(at: datetime, present: datetime) -> bool:
    """Return whether a moment is so recent that present prices count as its prices."""
    return present - at <= LIVE_WITHIN


def _is_current(series: BarSeries, *, as_of: datetime) -> bool:
    """Return whether no newer bar can have closed between the end of the last one and `as_of`."""
    end = series.bars[-1].end(series.interval)
    return end <= as_of < series.interval.end(end)


def _choose_source_interval(available: Sequence[Interval], wanted: Interval) -> Interval | None:
    """Return the longest available interval whose bars combine into the wanted one; None when there is none."""
    fitting = [interval for interval in available if interval == wanted or resample.divides(interval, wanted)]
    return wanted if wanted in fitting else max(fitting, key=lambda interval: interval.approximate, default=None)


def _rate_window(window: Window, *, as_of: datetime) -> dict[str, Quality]:
    """Return the quality of a window's base bars, higher bars and volume by field name."""
    bars = _rate_series(window.base, as_of=as_of)
    has_volume = window.base is not None and window.base.bars[-1].volume is not None
    return {
        "bars": bars,
        "higher_bars": _rate_series(window.higher, as_of=as_of),
        "volume": bars if has_volume else Quality.MISSING,
    }


def _rate_series(series: BarSeries | None, *, as_of: datetime) -> Quality:
    """Return the quality of a series: live while no newer bar can have closed, else delayed; missing for none."""
    if series is None:
        return Quality.MISSING
    return Quality.LIVE if _is_current(series, as_of=as_of) else Quality.DELAYED
