"""Market data from the best place there is for each instrument: its exchange's public prices, else stored bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from domain.books import may_call_out
from domain.context import MarketView, PriceBasis, Quality, Quote
from domain.market_prices import FillRequest
from domain.ports import MarketData, VenueUnavailable, ViewRequest, WalkBars
from domain.signal import Instrument
from venues import public_exchanges
from venues.exchange_prices import ExchangePrices

_QUOTE_FIELDS = ("bid", "ask", "last", "alert_price")
_WINDOW_FIELDS = ("bars", "higher_bars", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicExchange:
    """An exchange that can be asked: its prices behind a breaker, and the market data provider over them."""

    name: str
    prices: ExchangePrices
    data: MarketData


class ReportAnswer(Protocol):
    """A function that keeps what an exchange said about an instrument."""

    def __call__(self, instrument: Instrument, *, exchange: str, problem: str | None) -> None:
        """Keep why the exchange gives no prices of the instrument; None when it gives them."""
        ...


class AutoMarketData:
    """Market data provider that asks the exchange which an instrument names, and falls back to stored bars.

    `open_exchange` makes an exchange by its id when it is first needed; it returns a text instead when it cannot be
    asked. Books `test` and replays are answered from stored bars alone. Used by one thread at a time.
    """

    def __init__(
        self, stored: MarketData, *, open_exchange: Callable[[str], PublicExchange | str], report: ReportAnswer
    ) -> None:
        self._stored, self._open_exchange, self._report = stored, open_exchange, report
        self._exchanges: dict[str, PublicExchange | str] = {}

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer each request in order: from the exchange, completed from stored bars where it lacks something."""
        views = self._ask_exchanges(requests)
        left = [index for index in range(len(requests)) if index not in views or not _is_complete(views[index])]
        stored_views = self._stored.views([requests[index] for index in left]) if left else []
        for index, stored in zip(left, stored_views, strict=True):
            views[index] = _complete(views[index], stored) if index in views else stored
        return [views[index] for index in range(len(requests))]

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the exchange's quote at a moment, else the stored one; with an empty window."""
        exchange = self.find_exchange(book, instrument)
        view = None if exchange is None else exchange.data.quote(book, instrument, at=at)
        return view if view is not None and view.quote.is_usable else self._stored.quote(book, instrument, at=at)

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        """Return the quote at which each request fills: a live one of the exchange, else as stored bars say."""
        quotes: dict[int, Quote | None] = {}
        for exchange, indexes in self._group_by_exchange([(request.book, request.instrument) for request in requests]):
            answers = exchange.data.fill_quotes([requests[index] for index in indexes])
            quotes |= dict(zip(indexes, answers, strict=True))
        left = [index for index in range(len(requests)) if not _is_live(quotes.get(index))]
        stored_quotes = self._stored.fill_quotes([requests[index] for index in left]) if left else []
        for index, stored in zip(left, stored_quotes, strict=True):
            quotes[index] = stored or quotes.get(index)
        return [quotes[index] for index in range(len(requests))]

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Return the exchange's bars; stored ones when it does not list the instrument, or has been given up.

        While it is only late, none are returned: a coarser stored bar would pass over the finer ones that it brings.
        """
        exchange = self.find_exchange(book, instrument)
        if exchange is not None:
            return exchange.data.walk_bars(book, instrument, after=after, until=until)
        found = self._find_open(book, instrument)
        if found is not None and found.prices.failure is not None and not found.prices.is_given_up:
            return WalkBars(series=())
        return self._stored.walk_bars(book, instrument, after=after, until=until)

    def find_exchange(self, book: str, instrument: Instrument) -> PublicExchange | None:
        """Return the exchange that answers and lists the instrument; None where there is none, which is reported."""
        exchange = self._find_open(book, instrument)
        if exchange is None:
            return None
        problem = _find_problem(exchange, instrument)
        self._report(instrument, exchange=exchange.name, problem=problem)
        return exchange if problem is None else None

    def _find_open(self, book: str, instrument: Instrument) -> PublicExchange | None:
        """Return the exchange of an instrument, made when it is first needed; None where none can be asked."""
        name = public_exchanges.find_exchange(instrument) if may_call_out(book) else None
        if name is None:
            return None
        if name not in self._exchanges:
            self._exchanges[name] = self._open_exchange(name)
        exchange = self._exchanges[name]
        if isinstance(exchange, str):
            self._report(instrument, exchange=name, problem=exchange)
            return None
        return exchange

    def _ask_exchanges(self, requests: Sequence[ViewRequest]) -> dict[int, MarketView]:
        """Return the views that exchanges give, by the index of the request."""
        keys = [(request.signal.book, request.signal.instrument) for request in requests]
        views: dict[int, MarketView] = {}
        for exchange, indexes in self._group_by_exchange(keys):
            views |= self._view_exchange(exchange, {index: requests[index] for index in indexes})
        return views

    def _group_by_exchange(self, keys: Sequence[tuple[str, Instrument]]) -> list[tuple[PublicExchange, list[int]]]:
        """Return the exchanges that can be asked, each with the indexes of its keys (book, instrument).

        What is asked together costs an exchange one request per price, however many signals wait for it.
        """
        exchanges = {key: self.find_exchange(*key) for key in dict.fromkeys(keys)}
        groups: dict[str, tuple[PublicExchange, list[int]]] = {}
        for index, key in enumerate(keys):
            if (exchange := exchanges[key]) is not None:
                groups.setdefault(exchange.name, (exchange, []))[1].append(index)
        return list(groups.values())

    def _view_exchange(self, exchange: PublicExchange, requests: Mapping[int, ViewRequest]) -> dict[int, MarketView]:
        """Return an exchange's views, without the quotes of one that fell silent meanwhile."""
        views = dict(zip(requests, exchange.data.views(list(requests.values())), strict=True))
        failure = exchange.prices.failure
        if failure is None:
            return views
        for request in requests.values():
            self._report(request.signal.instrument, exchange=exchange.name, problem=_describe_silence(failure))
        return {index: _drop_quote(view) for index, view in views.items()}


def _find_problem(exchange: PublicExchange, instrument: Instrument) -> str | None:
    """Return why an exchange cannot be asked about an instrument; None when it can."""
    try:
        is_listed = exchange.prices.is_listed(instrument)
    except VenueUnavailable as error:
        return _describe_silence(str(error))
    return None if is_listed else "lists no such spot market"


def _describe_silence(failure: str) -> str:
    return f"does not answer: {failure}"


def _is_live(quote: Quote | None) -> bool:
    return quote is not None and quote.basis is PriceBasis.LIVE


def _is_complete(view: MarketView) -> bool:
    """Return whether a view has everything that stored bars could add."""
    return view.quote.is_usable and view.window.base is not None


def _drop_quote(view: MarketView) -> MarketView:
    quote = Quote(at=view.quote.at, bid=None, ask=None, last=None, quality=Quality.MISSING)
    return replace(view, quote=quote, quality=_select(view, _WINDOW_FIELDS))


def _complete(view: MarketView, stored: MarketView) -> MarketView:
    """Return a view with the stored quote or window in place of what it lacks."""
    priced = view if view.quote.is_usable else stored
    charted = view if view.window.base is not None else stored
    quality = _select(priced, _QUOTE_FIELDS) | _select(charted, _WINDOW_FIELDS)
    return MarketView(quote=priced.quote, window=charted.window, quality=quality, depth=view.depth)


def _select(view: MarketView, fields: Sequence[str]) -> dict[str, Quality]:
    """Return the qualities of some fields of a view."""
    return {name: quality for name, quality in view.quality.items() if name in fields}
