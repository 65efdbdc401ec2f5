"""Market data from stored bars: replay books see their files, alert books what alerts carried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from typing import TypeAlias

from domain import context_builder
from domain.context import (
    DEFAULT_DEPTH,
    BarSeries,
    ContextDepth,
    MarketView,
    PriceSide,
    Quality,
    Quote,
    Window,
)
from domain.intervals import Interval
from domain.ports import BarStore, Feed, ViewRequest, WalkBars
from domain.signal import Instrument
from venues import bar_history
from venues.quotes import KnownPrice, QuoteBoard, quality_of

Known: TypeAlias = dict[PriceSide, KnownPrice]

_HOUR = Interval.parse("1h")
_FIELDS = {"bid": PriceSide.BID, "ask": PriceSide.ASK, "last": PriceSide.MID}


class StoredMarketData:
    """Answers from stored bars alone, so that nothing later than the moment asked for can show.

    `covered` is the quality of a quote that a bar covers: `replay` for books whose bars are files and never
    change, `alert` for books whose bars alerts carried. With `alert`, the price of an alert serves as last price
    where no bar covers its moment.
    """

    def __init__(self, *, bars: BarStore, covered: Quality, depth: ContextDepth = DEFAULT_DEPTH) -> None:
        self._bars = bars
        self._covered = covered
        self._depth = depth
        self._histories = (
            bar_history.KeptHistories(bars) if covered is Quality.REPLAY else bar_history.WatchedHistories(bars)
        )

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer each request in order; requests on the same closed bars share one window object."""
        feeds = _Feeds(self._bars)
        found = self._windows(requests, feeds)
        known = self._known(requests, feeds)
        return [
            self._view(request, known=prices, window=window)
            for request, prices, window in zip(requests, known, found, strict=True)
        ]

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Return the bars with an end in (after, until], of the finest interval, one series per recorded side."""
        feeds = self._bars.feeds(book, instrument)
        finest = [one for one in feeds if one.interval == feeds[0].interval]
        return WalkBars(series=tuple(self._walked(feed, after=after, until=until) for feed in finest))

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the quote at a moment, with an empty window."""
        board = QuoteBoard(self._bars, self._bars.feeds(book, instrument), first=at, last=at)
        quote, quality = self._quoted(board.at(at), at=at)
        return self._shown(quote, quality, window=bar_history.NO_WINDOW)

    def _walked(self, feed: Feed, *, after: datetime, until: datetime) -> BarSeries:
        bars = self._bars.closed_between(feed, after=after, until=until)
        return BarSeries(interval=feed.interval, side=feed.side, bars=tuple(bars))

    def _windows(self, requests: Sequence[ViewRequest], feeds: _Feeds) -> list[Window]:
        out = [bar_history.NO_WINDOW] * len(requests)
        for places in _grouped(_bar_of(request) for request in requests):
            signal = requests[places[0]].signal
            if signal.timeframe is None:
                continue
            moments = bar_history.for_moments(
                self._histories,
                feeds.of(signal.book, signal.instrument),
                timeframe=signal.timeframe,
                moments=[requests[place].as_of for place in places],
                depth=self._depth,
            )
            for place in places:
                out[place] = moments[requests[place].as_of]
        return out

    def _known(self, requests: Sequence[ViewRequest], feeds: _Feeds) -> list[Known]:
        out: list[Known] = [{} for _ in requests]
        for places in _grouped(_hour_of(request) for request in requests):
            signal = requests[places[0]].signal
            moments = [requests[place].as_of for place in places]
            series = feeds.of(signal.book, signal.instrument)
            board = QuoteBoard(self._bars, series, first=min(moments), last=max(moments))
            for place, moment in zip(places, moments, strict=True):
                out[place] = board.at(moment)
        return out

    def _view(self, request: ViewRequest, *, known: Known, window: Window) -> MarketView:
        quote, quality = self._quoted(self._with_alert_price(request, known), at=request.as_of)
        return self._shown(quote, quality | self._window_quality(window, as_of=request.as_of), window=window)

    def _with_alert_price(self, request: ViewRequest, known: Known) -> Known:
        price = request.signal.price
        is_covered = any(one.is_covered for one in known.values())
        if self._covered is not Quality.ALERT or price is None or is_covered:
            return known
        return known | {PriceSide.MID: KnownPrice(price=price, since=request.as_of, is_covered=True)}

    def _quoted(self, known: Known, *, at: datetime) -> tuple[Quote, dict[str, Quality]]:
        sides = {name: known.get(side) for name, side in _FIELDS.items()}
        prices = {name: None if one is None else one.price for name, one in sides.items()}
        quality = {name: quality_of(one, covered=self._covered) for name, one in sides.items()}
        tradable = [quality[name] for name in ("bid", "ask") if prices[name] is not None]
        overall = context_builder.find_worst_quality(*tradable) if tradable else quality["last"]
        return Quote(at=at, **prices, quality=overall), quality

    def _shown(self, quote: Quote, quality: dict[str, Quality], *, window: Window) -> MarketView:
        return context_builder.drop_crossed_sides(
            MarketView(quote=quote, window=window, quality=quality, depth=self._depth)
        )

    def _window_quality(self, window: Window, *, as_of: datetime) -> dict[str, Quality]:
        bars = self._series_quality(window.base, as_of=as_of)
        is_volume_known = window.base is not None and window.base.bars[-1].volume is not None
        return {
            "bars": bars,
            "higher_bars": self._series_quality(window.higher, as_of=as_of),
            "volume": bars if is_volume_known else Quality.MISSING,
        }

    def _series_quality(self, series: BarSeries | None, *, as_of: datetime) -> Quality:
        """Return `delayed` where a newer bar could have closed since the last one, else the books' own quality."""
        if series is None:
            return Quality.MISSING
        end = series.interval.end(series.bars[-1].open_time)
        return Quality.DELAYED if series.interval.end(end) <= as_of else self._covered


class _Feeds:
    """The series of each instrument, asked for once."""

    def __init__(self, bars: BarStore) -> None:
        self._bars = bars
        self._known: dict[tuple[str, Instrument], Sequence[Feed]] = {}

    def of(self, book: str, instrument: Instrument) -> Sequence[Feed]:
        key = (book, instrument)
        if key not in self._known:
            self._known[key] = self._bars.feeds(book, instrument)
        return self._known[key]


def _grouped(keys: Iterable[Hashable]) -> list[list[int]]:
    """Return the places of equal keys together, in order of first appearance."""
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        groups[key].append(place)
    return list(groups.values())


def _bar_of(request: ViewRequest) -> Hashable:
    signal = request.signal
    opened = None if signal.timeframe is None else signal.timeframe.floor(request.as_of)
    return (signal.book, signal.instrument, signal.timeframe, opened)


def _hour_of(request: ViewRequest) -> Hashable:
    return (request.signal.book, request.signal.instrument, _HOUR.floor(request.as_of))
