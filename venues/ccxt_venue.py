"""Adapter for the spot account of an exchange, over ccxt."""

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
from venues import ccxt_client, ccxt_orders, error_responses, timestamps
from venues.ccxt_dialects import find_dialect
from venues.ccxt_markets import SpotMarkets
from venues.error_responses import ErrorResponse, InvalidRequest, RequestNotSent, VenueAnswer
from venues.remote import RemoteBroker
from venues.rules import VenueRules
from venues.venue_order import Execution, VenueListing, VenueOrder

T = TypeVar("T")

# How long an order that was sent in time may still be invisible to look-ups.
SETTLE_S = 5.0
MAX_WINDOW_MS = 60_000
_MAX_CLOCK_AGE_S = 300.0
_ORDERS_PER_PAGE = 1000
# Lists are searched from a little earlier than our own times, since the exchange's clock may differ.
_CLOCK_TOLERANCE = timedelta(hours=1)


def make_broker(exchange: str, *, key: str, secret: str, url: str | None = None) -> RemoteBroker:
    """Make the broker of an exchange's spot account; `url` replaces its hosts.

    Raises:
        ccxt_client.UnknownExchange: when ccxt does not know it.
    """
    return RemoteBroker(CcxtAdapter(exchange, ccxt_client.make_client(exchange, key=key, secret=secret, url=url)))


class CcxtAdapter:
    """Venue adapter for one exchange account; used by one thread at a time."""

    def __init__(self, exchange: str, client: Any) -> None:
        self._client, self._dialect = client, find_dialect(exchange)
        self._markets, self._clock = SpotMarkets(client), _VenueClock(client)
        self.name = exchange
        can_find_orders = self._dialect.lookup_id_parameter is not None and bool(client.has.get("fetchOrder"))
        self.traits = VenueTraits(finds_orders=can_find_orders, settle_s=SETTLE_S, can_short=False)

    def find_rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's rules; None when it is no spot market of the exchange."""
        return self._markets.find_rules(instrument)

    def find_listing(self, instrument: Instrument) -> VenueListing | None:
        """Return the instrument as the exchange lists it; None when it does not."""
        return self._markets.find_listing(instrument)

    def load_prerequisites(self) -> None:
        """Load the markets, and the exchange's clock where it enforces a receive window."""
        self._markets.load()
        if self._dialect.enforces_receive_window:
            self._clock.read()

    def send(self, order: Order, listing: VenueListing, *, window: SendWindow) -> VenueOrder:
        """Send a market order in one request, with a receive window where the exchange enforces one."""
        client, sent_before = self._client, self._client.requests_sent
        parameters = {self._dialect.new_order_id_parameter: order.client_order_id} | self._window_parameters(window)
        side, quantity = "buy" if order.is_buy else "sell", format(order.quantity, "f")
        client.deadline = window.deadline
        try:
            ccxt_order = client.create_order(
                self._markets.unified_symbol(listing), "market", side, quantity, None, parameters
            )
        except RequestNotSent:
            raise
        except Exception as error:
            if client.requests_sent == sent_before:
                raise InvalidRequest(f"{type(error).__name__}: {error}") from error
            raise
        finally:
            client.deadline = None
        return ccxt_orders.parse_order(ccxt_order, listing=listing)

    def classify_error(self, response: ErrorResponse) -> VenueAnswer:
        """Return what an error response means for the order it answers."""
        return error_responses.classify_error(response, self._dialect.codes)

    def find(self, order: Order, listing: VenueListing) -> VenueOrder | None:
        """Look an order up by its client id, first directly, then in the lists of open and of all orders."""
        unified_symbol, parse = self._markets.unified_symbol(listing), partial(ccxt_orders.parse_order, listing=listing)
        try:
            return self._query(
                lambda: parse(self._client.fetch_order(None, unified_symbol, self._lookup_parameters(order)))
            )
        except ErrorResponse as response:
            if not ccxt_client.is_order_missing(response):
                raise VenueUnavailable(str(response)) from response
        ccxt_order = self._find_in_order_lists(order, unified_symbol)
        return None if ccxt_order is None else self._query(lambda: parse(ccxt_order))

    def list_executions(self, venue_order: VenueOrder, listing: VenueListing) -> Sequence[Execution]:
        """Return the executions of an order, from the account's trades."""
        unified_symbol, order_number = self._markets.unified_symbol(listing), venue_order.venue_order_id
        if self._dialect.lists_trades_by_order:
            parameters, since = {"orderId": order_number}, None
        else:
            parameters, since = {}, timestamps.to_milliseconds(venue_order.at - _CLOCK_TOLERANCE)
        return self._query_or_unavailable(
            lambda: [
                ccxt_orders.parse_execution(trade)
                for trade in self._client.fetch_my_trades(unified_symbol, since, _ORDERS_PER_PAGE, parameters)
                if str(trade["order"]) == order_number
            ]
        )

    def cancel(self, order: Order, listing: VenueListing) -> None:
        """Request the cancellation of an order; one that is not open is no error."""
        unified_symbol = self._markets.unified_symbol(listing)
        try:
            self._query(lambda: self._client.cancel_order(None, unified_symbol, self._lookup_parameters(order)))
        except ErrorResponse as response:
            if not ccxt_client.is_order_missing(response):
                raise VenueUnavailable(str(response)) from response

    def list_positions(self) -> list[VenuePosition]:
        """Return the balances as positions: a currency's balance counts for every pair of which it is the base."""
        totals: Mapping[str, Any] = self._query_or_unavailable(lambda: self._client.fetch_balance()["total"])
        amounts = {currency: Decimal(str(amount)) for currency, amount in totals.items() if amount is not None}
        return [
            VenuePosition(symbol=symbol, quantity=amounts[base])
            for symbol, base in self._markets.bases_by_symbol().items()
            if amounts.get(base)
        ]

    def _lookup_parameters(self, order: Order) -> dict[str, str]:
        """Return the parameter that carries our id in a look-up or cancellation."""
        return {self._dialect.lookup_id_parameter or self._dialect.new_order_id_parameter: order.client_order_id}

    def _find_in_order_lists(self, order: Order, unified_symbol: str) -> Mapping[str, Any] | None:
        """Search the open orders and all orders since the order was created; None when it is in neither."""
        since = timestamps.to_milliseconds(order.quote.at - _CLOCK_TOLERANCE)
        for page in self._list_orders(unified_symbol, since):
            for ccxt_order in page:
                if ccxt_order.get("clientOrderId") == order.client_order_id:
                    return ccxt_order
        return None

    def _list_orders(self, unified_symbol: str, since: int) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield the open orders, then all orders since a time in milliseconds, page by page."""
        client = self._client
        yield self._query_or_unavailable(lambda: client.fetch_open_orders(unified_symbol))
        fetch_all = client.fetch_orders if client.has.get("fetchOrders") else client.fetch_closed_orders
        while True:
            page = self._query_or_unavailable(partial(fetch_all, unified_symbol, since, _ORDERS_PER_PAGE))
            yield page
            newest = max((ccxt_order["timestamp"] or since for ccxt_order in page), default=since)
            if len(page) < _ORDERS_PER_PAGE or newest <= since:
                return
            since = newest

    def _window_parameters(self, window: SendWindow) -> dict[str, int]:
        """Return the parameters by which the exchange refuses the order after the send window."""
        if not self._dialect.enforces_receive_window:
            return {}
        length = int((window.not_after - window.opened_at) / timedelta(milliseconds=1))
        return {
            "timestamp": self._clock.milliseconds_at(window.deadline) - length,
            "recvWindow": min(length, MAX_WINDOW_MS),
        }

    def _query(self, request: Callable[[], T]) -> T:
        return ccxt_client.query(self._client, request)

    def _query_or_unavailable(self, request: Callable[[], T]) -> T:
        return ccxt_client.query_or_unavailable(self._client, request)


class _VenueClock:
    """The exchange's clock, derived from the monotonic one: late by one response's travel time, never ahead."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._offset_ms, self._read_at = 0.0, -_MAX_CLOCK_AGE_S

    def read(self) -> None:
        """Read the exchange's time, unless that was done in the last five minutes."""
        if time.monotonic() - self._read_at < _MAX_CLOCK_AGE_S:
            return
        venue_time_ms = ccxt_client.query_or_unavailable(self._client, self._client.fetch_time)
        now = time.monotonic()
        self._offset_ms, self._read_at = venue_time_ms - now * 1000, now
        # The client stamps its requests with this; its own clock is the machine's, which may be set in between.
        self._client.nonce = self._read_milliseconds

    def _read_milliseconds(self) -> int:
        """Return the exchange's time now, in milliseconds of Unix time."""
        return self.milliseconds_at(time.monotonic())

    def milliseconds_at(self, moment: float) -> int:
        """Return the exchange's time at a monotonic moment, in milliseconds of Unix time."""
        return int(self._offset_ms + moment * 1000)
