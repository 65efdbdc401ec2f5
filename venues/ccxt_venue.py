"""Spot markets of an exchange that ccxt knows, behind the broker port."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from domain.ports import SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order
from venues import answers, ccxt_client, ccxt_orders, timestamps
from venues.answers import Answered, Impossible, NotSent, Outcome
from venues.ccxt_dialects import dialect
from venues.ccxt_markets import Markets
from venues.remote import RemoteBroker
from venues.rules import VenueRules
from venues.venue_order import Execution, HeldOrder, Listed

T = TypeVar("T")

SETTLE_S = 5.0
MAX_WINDOW_MS = 60_000
_CLOCK_AGE_S = 300.0
_PAGE = 1000
_BEFORE = timedelta(hours=1)


def make(exchange: str, *, key: str, secret: str, url: str | None = None) -> RemoteBroker:
    """Make the broker of an exchange's spot account.

    Raises:
        ccxt_client.UnknownExchange: when ccxt does not know it.
    """
    return RemoteBroker(CcxtDesk(exchange, ccxt_client.make(exchange, key=key, secret=secret, url=url)))


class CcxtDesk:
    """An exchange's dialect; used by one thread at a time."""

    def __init__(self, exchange: str, client: Any) -> None:
        self._client, self._dialect = client, dialect(exchange)
        self._markets, self._clock = Markets(client), _VenueClock(client)
        self.name = exchange
        finds = self._dialect.finds_by is not None and bool(client.has.get("fetchOrder"))
        self.traits = VenueTraits(finds_orders=finds, settle_s=SETTLE_S, can_short=False)

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's rules; None when it is no spot market of the exchange."""
        return self._markets.rules(instrument)

    def listed(self, instrument: Instrument) -> Listed | None:
        """Return an instrument's names at the exchange."""
        return self._markets.listed(instrument)

    def prepare(self) -> None:
        """Read the markets, and the exchange's clock where it judges windows."""
        self._markets.load()
        if self._dialect.keeps_windows:
            self._clock.read()

    def send(self, order: Order, listed: Listed, *, window: SendWindow) -> HeldOrder:
        """Send a market order in one request, with its window where the exchange keeps windows."""
        client, before = self._client, self._client.sent
        given = {self._dialect.sends_as: order.client_order_id} | self._window(window)
        side, quantity = "buy" if order.is_buy else "sell", format(order.quantity, "f")
        client.ends = window.deadline
        try:
            made = client.create_order(self._markets.unified(listed), "market", side, quantity, None, given)
        except NotSent:
            raise
        except Exception as error:
            if client.sent == before:
                raise Impossible(f"{type(error).__name__}: {error}") from error
            raise
        finally:
            client.ends = None
        return ccxt_orders.held(made, listed=listed)

    def outcome(self, answer: Answered) -> Outcome:
        """Say what an error means for the order it answers."""
        return answers.outcome_of(answer, self._dialect.codes)

    def find(self, order: Order, listed: Listed) -> HeldOrder | None:
        """Look an order up by its client id: alone, then among open ones, then among all since before it was made."""
        unified, read = self._markets.unified(listed), partial(ccxt_orders.held, listed=listed)
        try:
            return self._ask(lambda: read(self._client.fetch_order(None, unified, self._named(order))))
        except Answered as answer:
            if not ccxt_client.is_missing(answer):
                raise VenueUnavailable(str(answer)) from answer
        found = self._among_all(order, unified)
        return None if found is None else self._ask(lambda: read(found))

    def executions(self, held: HeldOrder, listed: Listed) -> Sequence[Execution]:
        """Return the trades of an order."""
        unified, number = self._markets.unified(listed), held.venue_order_id
        if self._dialect.trades_by_order:
            given, since = {"orderId": number}, None
        else:
            given, since = {}, timestamps.to_milliseconds(held.at - _BEFORE)
        return self._ask_surely(
            lambda: [
                ccxt_orders.execution(one)
                for one in self._client.fetch_my_trades(unified, since, _PAGE, given)
                if str(one["order"]) == number
            ]
        )

    def cancel(self, order: Order, listed: Listed) -> None:
        """Ask to cancel an order; one that is not open is no error."""
        unified = self._markets.unified(listed)
        try:
            self._ask(lambda: self._client.cancel_order(None, unified, self._named(order)))
        except Answered as answer:
            if not ccxt_client.is_missing(answer):
                raise VenueUnavailable(str(answer)) from answer

    def positions(self) -> list[VenuePosition]:
        """Return the balances by symbol: what is held of a currency counts for every pair it is the base of."""
        totals: Mapping[str, Any] = self._ask_surely(lambda: self._client.fetch_balance()["total"])
        held = {name: Decimal(str(amount)) for name, amount in totals.items() if amount is not None}
        return [
            VenuePosition(symbol=symbol, quantity=held[base])
            for symbol, base in self._markets.bases().items()
            if held.get(base)
        ]

    def _named(self, order: Order) -> dict[str, str]:
        return {self._dialect.finds_by or self._dialect.sends_as: order.client_order_id}

    def _among_all(self, order: Order, unified: str) -> Mapping[str, Any] | None:
        since = timestamps.to_milliseconds(order.quote.at - _BEFORE)
        for page in self._pages(unified, since):
            for one in page:
                if one.get("clientOrderId") == order.client_order_id:
                    return one
        return None

    def _pages(self, unified: str, since: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        client = self._client
        yield self._ask_surely(lambda: client.fetch_open_orders(unified))
        ask_all = client.fetch_orders if client.has.get("fetchOrders") else client.fetch_closed_orders
        while True:
            page = self._ask_surely(partial(ask_all, unified, since, _PAGE))
            yield page
            newest = max((one["timestamp"] or since for one in page), default=since)
            if len(page) < _PAGE or newest <= since:
                return
            since = newest

    def _window(self, window: SendWindow) -> dict[str, int]:
        if not self._dialect.keeps_windows:
            return {}
        length = int((window.not_after - window.opened_at) / timedelta(milliseconds=1))
        return {"timestamp": self._clock.at(window.deadline) - length, "recvWindow": min(length, MAX_WINDOW_MS)}

    def _ask(self, question: Callable[[], T]) -> T:
        return ccxt_client.ask(self._client, question)

    def _ask_surely(self, question: Callable[[], T]) -> T:
        return ccxt_client.ask_surely(self._client, question)


class _VenueClock:
    """The exchange's clock by this process's monotonic one, never ahead of the truth."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._offset_ms, self._read_at = 0.0, -_CLOCK_AGE_S

    def read(self) -> None:
        """Ask for the time, unless that was done lately."""
        if time.monotonic() - self._read_at < _CLOCK_AGE_S:
            return
        told = ccxt_client.ask_surely(self._client, self._client.fetch_time)
        now = time.monotonic()
        self._offset_ms, self._read_at = told - now * 1000, now
        self._client.options["timeDifference"] = int(time.time() * 1000) - told

    def at(self, moment: float) -> int:
        """Return what the exchange's clock shows, in milliseconds, at a monotonic moment."""
        return int(self._offset_ms + moment * 1000)
