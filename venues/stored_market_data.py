"""Market data from stored bars: those of replay files in replay books, those that alerts carried in alert books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

from domain import market_prices, snapshot_prices, trading_hours
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
from domain.market_prices import FillRequest
from domain.ports import BarStore, Feed, ViewRequest, WalkBars
from domain.signal import Instrument
from venues import bar_windows, quotes
from venues.bar_history import FixedBarHistories, GrowingBarHistories
from venues.bar_windows import WindowBuilder
from venues.quotes import KnownPrice, QuoteLookup, rate_price

PricesBySide: TypeAlias = dict[PriceSide, KnownPrice]
PriceKey: TypeAlias = tuple[str, Instrument, datetime]  # book, instrument, moment
FeedsByInstrument: TypeAlias = Mapping[tuple[str, Instrument], Sequence[Feed]]

_HOUR = Interval.parse("1h")
_FIELDS = {"bid": PriceSide.BID, "ask": PriceSide.ASK, "last": PriceSide.MID}


class StoredMarketData:
    """Market data provider over stored bars alone, so that nothing later than the requested moment is visible.

    `opened` is the quality of an open: `replay` for books whose bars are files and never change, `alert` for books
    whose bars alerts carried.
    """

    def __init__(self, *, bars: BarStore, opened: Quality, depth: ContextDepth = DEFAULT_DEPTH) -> None:
        self._bars = bars
        self._opened = opened
        self._depth = depth
        histories = FixedBarHistories(bars) if opened is Quality.REPLAY else GrowingBarHistories(bars)
        self._window_builder = WindowBuilder(histories, depth=depth)

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer each request in order; requests on the same closed bars share one window object."""
        feeds = self._load_feeds((request.signal.book, request.signal.instrument) for request in requests)
        windows = self._load_windows(requests, feeds)
        prices = self._look_up_prices([_build_price_key(request) for request in requests], feeds)
        return [
            self._answer(request, prices=known_prices, window=window)
            for request, known_prices, window in zip(requests, prices, windows, strict=True)
        ]

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Return the bars with an end in (after, until], one series per recorded interval and side."""
        feeds = self._bars.feeds(book, [instrument])[instrument]
        return WalkBars(series=tuple(self._load_series_between(feed, after=after, until=until) for feed in feeds))

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the quote at a moment, with an empty window."""
        lookup = QuoteLookup(self._bars, self._bars.feeds(book, [instrument])[instrument], first=at, last=at)
        quote, quality = self._build_quote(lookup.prices_at(at), at=at)
        return self._build_view(quote, quality, window=bar_windows.EMPTY_WINDOW)

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        """Return the quote at which each request fills, in order; None where no price is known yet."""
        feeds = self._load_feeds((request.book, request.instrument) for request in requests)
        prices = self._look_up_prices([(request.book, request.instrument, request.at) for request in requests], feeds)
        return [
            self._find_present_quote(request, known_prices)
            or self._find_next_quote(request, feeds[request.book, request.instrument])
            for request, known_prices in zip(requests, prices, strict=True)
        ]

    def _find_present_quote(self, request: FillRequest, known_prices: PricesBySide) -> Quote | None:
        """Return the quote of the requested moment itself: a bar's open, or the price of the alert."""
        is_past = request.at <= request.until
        return market_prices.quote_filled(
            self._build_quote(known_prices, at=request.at)[0] if is_past else None,
            request.alert,
            at=request.at,
            is_in_session=trading_hours.is_in_session(request.instrument, request.at, calendar=request.calendar),
        )

    def _find_next_quote(self, request: FillRequest, feeds: Sequence[Feed]) -> Quote | None:
        """Return the quote of the bar that opens first after the requested moment."""
        opens = quotes.find_next_opens(self._bars, feeds, after=request.at, until=request.until)
        return self._build_quote(opens, at=min(price.since for price in opens.values()))[0] if opens else None

    def _load_feeds(self, instruments: Iterable[tuple[str, Instrument]]) -> FeedsByInstrument:
        """Return the stored series of instruments by book and instrument, with one read for each book."""
        wanted = defaultdict[str, set[Instrument]](set)
        for book, instrument in instruments:
            wanted[book].add(instrument)
        return {
            (book, instrument): feeds
            for book, names in wanted.items()
            for instrument, feeds in self._bars.feeds(book, names).items()
        }

    def _load_series_between(self, feed: Feed, *, after: datetime, until: datetime) -> BarSeries:
        bars = self._bars.closed_between(feed, after=after, until=until)
        return BarSeries(interval=feed.interval, side=feed.side, bars=tuple(bars))

    def _load_windows(self, requests: Sequence[ViewRequest], feeds: FeedsByInstrument) -> list[Window]:
        """Return the window of each request, in order."""
        windows = [bar_windows.EMPTY_WINDOW] * len(requests)
        # Requests within one bar of their timeframe see the same closed bars, so that one load serves them all.
        for positions in _group_positions(_bar_key(request) for request in requests):
            signal = requests[positions[0]].signal
            if signal.timeframe is None:
                continue
            windows_by_moment = self._window_builder.build_windows(
                feeds[signal.book, signal.instrument],
                timeframe=signal.timeframe,
                moments=[requests[position].as_of for position in positions],
            )
            for position in positions:
                windows[position] = windows_by_moment[requests[position].as_of]
        return windows

    def _look_up_prices(self, moments: Sequence[PriceKey], feeds: FeedsByInstrument) -> list[PricesBySide]:
        """Return the known prices of instruments at moments, in order; moments of one hour share a lookup."""
        prices: list[PricesBySide] = [{} for _ in moments]
        for positions in _group_positions((book, instrument, _HOUR.floor(at)) for book, instrument, at in moments):
            book, instrument, _ = moments[positions[0]]
            span = [moments[position][2] for position in positions]
            lookup = QuoteLookup(self._bars, feeds[book, instrument], first=min(span), last=max(span))
            for position, moment in zip(positions, span, strict=True):
                prices[position] = lookup.prices_at(moment)
        return prices

    def _answer(self, request: ViewRequest, *, prices: PricesBySide, window: Window) -> MarketView:
        """Build the view of one request from its prices and window."""
        quote, quality = self._build_quote(prices, at=request.as_of)
        view = self._build_view(quote, quality | self._rate_window(window, as_of=request.as_of), window=window)
        return snapshot_prices.add_alert_price(view, request.signal)

    def _build_quote(self, known_prices: PricesBySide, *, at: datetime) -> tuple[Quote, dict[str, Quality]]:
        """Build a quote, rated by its worse tradable side, and the quality of each of its prices by field name."""
        sides = {name: known_prices.get(side) for name, side in _FIELDS.items()}
        prices = {name: None if price is None else price.price for name, price in sides.items()}
        quality = {name: rate_price(price, opened=self._opened) for name, price in sides.items()}
        tradable = [quality[name] for name in ("bid", "ask") if prices[name] is not None]
        overall = snapshot_prices.find_worst_quality(*tradable) if tradable else quality["last"]
        newest = max(known_prices.values(), key=lambda price: price.since, default=None)
        quote = Quote(
            at=at,
            bid=prices["bid"],
            ask=prices["ask"],
            last=prices["last"],
            quality=overall,
            basis=None if newest is None else newest.basis,
            priced_at=None if newest is None else newest.since,
        )
        return quote, quality

    def _build_view(self, quote: Quote, quality: dict[str, Quality], *, window: Window) -> MarketView:
        """Build a view without a bid and ask that cross each other."""
        return snapshot_prices.drop_crossed_sides(
            MarketView(quote=quote, window=window, quality=quality, depth=self._depth)
        )

    def _rate_window(self, window: Window, *, as_of: datetime) -> dict[str, Quality]:
        """Return the quality of a window's base bars, higher bars and volume by field name."""
        bars = self._rate_series(window.base, as_of=as_of)
        is_volume_known = window.base is not None and window.base.bars[-1].volume is not None
        return {
            "bars": bars,
            "higher_bars": self._rate_series(window.higher, as_of=as_of),
            "volume": bars if is_volume_known else Quality.MISSING,
        }

    def _rate_series(self, series: BarSeries | None, *, as_of: datetime) -> Quality:
        """Return `delayed` where a newer bar could have closed since the last one, else the book's own quality."""
        if series is None:
            return Quality.MISSING
        end = series.bars[-1].end(series.interval)
        return Quality.DELAYED if series.interval.end(end) <= as_of else self._opened


def _group_positions(keys: Iterable[Hashable]) -> list[list[int]]:
    """Return the positions of equal keys grouped, groups in order of first appearance."""
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        groups[key].append(position)
    return list(groups.values())


def _bar_key(request: ViewRequest) -> Hashable:
    """Return a key shared by requests on the same instrument within one bar of the same timeframe."""
    signal = request.signal
    open_time = None if signal.timeframe is None else signal.timeframe.floor(request.as_of)
    return (signal.book, signal.instrument, signal.timeframe, open_time)


def _build_price_key(request: ViewRequest) -> PriceKey:
    return request.signal.book, request.signal.instrument, request.as_of
