"""Adapter for Alpaca's trading API: stocks long and short, crypto long only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from domain.ports import SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order, OrderState
from venues import alpaca_client, error_responses, timestamps
from venues.alpaca_assets import AlpacaAssets, is_crypto_pair
from venues.error_responses import ErrorCodes, ErrorResponse, VenueAnswer
from venues.remote import RemoteBroker
from venues.rules import VenueRules
from venues.venue_order import Execution, VenueListing, VenueOrder

NAME = "alpaca"
# How long an order that was sent in time may still be invisible to look-ups.
SETTLE_S = 5.0
_ERROR_CODES = ErrorCodes(duplicate=frozenset({"40010001"}), duplicate_words="unique", all_reject=True)
_ACTIVITIES_PER_PAGE = 100
_ORDERS_PER_PAGE = 500
_UNPROCESSABLE = 422
_URLS = {"": alpaca_client.LIVE_URL, "paper": alpaca_client.PAPER_URL}
# Lists are searched from a little earlier than our own times, since Alpaca's clock may differ.
_CLOCK_TOLERANCE = timedelta(hours=1)
_STATES = {
    "new": OrderState.ACCEPTED,
    "accepted": OrderState.ACCEPTED,
    "pending_new": OrderState.ACCEPTED,
    "accepted_for_bidding": OrderState.ACCEPTED,
    "held": OrderState.ACCEPTED,
    "calculated": OrderState.ACCEPTED,
    "stopped": OrderState.ACCEPTED,
    "suspended": OrderState.ACCEPTED,
    "pending_cancel": OrderState.ACCEPTED,
    "done_for_day": OrderState.ACCEPTED,
    "pending_replace": OrderState.ACCEPTED,
    "pending_review": OrderState.ACCEPTED,
    "partially_filled": OrderState.PARTIAL,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


def make_broker(variant: str, *, key: str, secret: str, url: str | None = None) -> RemoteBroker:
    """Make the broker of the account that the keys belong to: live, or with variant `paper` a paper account.

    `url` replaces Alpaca's own.
    """
    client = alpaca_client.make_trading_client(key=key, secret=secret, url=url or _URLS[variant])
    return RemoteBroker(AlpacaAdapter(client))


class AlpacaAdapter:
    """Venue adapter for one Alpaca account; used by one thread at a time."""

    name = NAME
    traits = VenueTraits(finds_orders=True, settle_s=SETTLE_S, can_short=True)

    def __init__(self, client: alpaca_client.AlpacaTrading) -> None:
        self._client = client
        self._assets = AlpacaAssets(client)

    def find_rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's rules; None when Alpaca does not trade it."""
        return self._assets.find_rules(instrument)

    def find_listing(self, instrument: Instrument) -> VenueListing | None:
        """Return the instrument as Alpaca lists it; None when it is not tradable there."""
        return self._assets.find_listing(instrument)

    def load_prerequisites(self) -> None:
        """Do nothing: what sending needs is loaded with the listing."""

    def send(self, order: Order, listing: VenueListing, *, window: SendWindow) -> VenueOrder:
        """Send a market order in one request: crypto until cancelled, stocks for the day."""
        document = {
            "symbol": listing.symbol,
            "qty": format(order.quantity, "f"),
            "side": "buy" if order.is_buy else "sell",
            "type": "market",
            "time_in_force": "gtc" if is_crypto_pair(listing) else "day",
            "client_order_id": order.client_order_id,
        }
        self._client.deadline = window.deadline
        try:
            return _parse_order(self._client.post("/orders", document))
        finally:
            self._client.deadline = None

    def classify_error(self, response: ErrorResponse) -> VenueAnswer:
        """Return what an error response means for the order it answers."""
        return error_responses.classify_error(response, _ERROR_CODES)

    def find(self, order: Order, listing: VenueListing) -> VenueOrder | None:  # noqa: ARG002 - ids are unique over symbols
        """Look an order up by its client id, first directly, then in the list of all orders since it was created."""
        client = self._client
        try:
            return alpaca_client.query(
                client, lambda: _parse_order(client.get_order_by_client_id(order.client_order_id))
            )
        except ErrorResponse as response:
            if response.status != alpaca_client.NOT_FOUND:
                raise VenueUnavailable(str(response)) from response
        return self._find_in_order_list(order)

    def list_executions(self, venue_order: VenueOrder, listing: VenueListing) -> Sequence[Execution]:
        """Return the executions of an order, from the account's fill activities since the order was accepted."""
        executions, page_token = list[Execution](), None
        while True:
            page = self._request_fill_activities(since=venue_order.at - _CLOCK_TOLERANCE, page_token=page_token)
            executions += [
                _parse_execution(activity, listing)
                for activity in page
                if activity["order_id"] == venue_order.venue_order_id
            ]
            if (
                len(page) < _ACTIVITIES_PER_PAGE
                or sum((execution.quantity for execution in executions), Decimal(0)) >= venue_order.filled
            ):
                return executions
            page_token = page[-1]["id"]

    def cancel(self, order: Order, listing: VenueListing) -> None:
        """Request the cancellation of an order; one that is not open is no error."""
        venue_order = self.find(order, listing)
        if venue_order is None:
            return
        try:
            alpaca_client.query(self._client, partial(self._client.cancel_order_by_id, venue_order.venue_order_id))
        except ErrorResponse as response:
            if response.status not in (alpaca_client.NOT_FOUND, _UNPROCESSABLE):
                raise VenueUnavailable(str(response)) from response

    def list_positions(self) -> list[VenuePosition]:
        """Return the account's open positions by our symbols; a short has a negative quantity."""
        positions = alpaca_client.query_or_unavailable(self._client, self._client.get_all_positions)
        return [
            VenuePosition(symbol=position["symbol"].replace("/", ""), quantity=_signed_quantity(position))
            for position in positions
            if Decimal(position["qty"])
        ]

    def _request_fill_activities(self, *, since: datetime, page_token: str | None) -> Sequence[Mapping[str, Any]]:
        """Request one page of the account's fills since a moment, oldest first."""
        parameters = {
            "after": since.isoformat(),
            "direction": "asc",
            "page_size": _ACTIVITIES_PER_PAGE,
            "page_token": page_token,
        }
        activities: Sequence[Mapping[str, Any]] = alpaca_client.query_or_unavailable(
            self._client, lambda: self._client.get("/account/activities/FILL", parameters)
        )
        return activities

    def _find_in_order_list(self, order: Order) -> VenueOrder | None:
        """Search all orders since the order was created, page by page; None when it is in none."""
        after = order.quote.at - _CLOCK_TOLERANCE
        while True:
            page = self._request_orders(after)
            matching_order = next(
                (listed_order for listed_order in page if listed_order["client_order_id"] == order.client_order_id),
                None,
            )
            if matching_order is not None:
                return _parse_order(matching_order)
            newest = max(
                (timestamps.parse_rfc3339(listed_order["submitted_at"]) for listed_order in page), default=after
            )
            if len(page) < _ORDERS_PER_PAGE or newest <= after:
                return None
            after = newest

    def _request_orders(self, after: datetime) -> Sequence[Mapping[str, Any]]:
        """Request one page of orders of any status that were submitted after a moment, oldest first."""
        parameters = {"status": "all", "after": after.isoformat(), "direction": "asc", "limit": _ORDERS_PER_PAGE}
        orders: Sequence[Mapping[str, Any]] = alpaca_client.query_or_unavailable(
            self._client, lambda: self._client.get("/orders", parameters)
        )
        return orders


def _parse_order(order: Mapping[str, Any]) -> VenueOrder:
    """Parse an order of Alpaca's trading API."""
    filled, state = Decimal(order["filled_qty"] or 0), _STATES[order["status"]]
    return VenueOrder(
        venue_order_id=order["id"],
        symbol=order["symbol"],
        is_buy={"buy": True, "sell": False, "sell_short": False}[order["side"]],
        quantity=Decimal(order["qty"]),
        filled=filled,
        state=OrderState.PARTIAL if state is OrderState.ACCEPTED and filled else state,
        at=timestamps.parse_rfc3339(order["submitted_at"])
        if order.get("submitted_at")
        else timestamps.parse_rfc3339(order["created_at"]),
    )


def _parse_execution(activity: Mapping[str, Any], listing: VenueListing) -> Execution:
    """Parse a fill activity; Alpaca states no fee with it."""
    return Execution(
        trade_id=activity["id"],
        quantity=Decimal(activity["qty"]),
        price=Decimal(activity["price"]),
        fee=Decimal(0),
        fee_asset=listing.quote,
        at=timestamps.parse_rfc3339(activity["transaction_time"]),
    )


def _signed_quantity(position: Mapping[str, Any]) -> Decimal:
    quantity = abs(Decimal(position["qty"]))
    return -quantity if position["side"] == "short" else quantity
