"""Alpaca's trading API behind the broker port: stocks long and short, crypto long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from domain.ports import SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order, OrderState
from venues import alpaca_client, answers, timestamps
from venues.alpaca_assets import Assets, is_crypto
from venues.answers import Answered, Codes, Outcome
from venues.remote import RemoteBroker
from venues.rules import VenueRules
from venues.venue_order import Execution, HeldOrder, Listed

NAME = "alpaca"
SETTLE_S = 5.0
_CODES = Codes(duplicate=frozenset({"40010001"}), duplicate_words="unique", all_reject=True)
_PAGE = 100
_LIST = 500
_BEFORE = timedelta(hours=1)
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


def make(*, key: str, secret: str, url: str) -> RemoteBroker:
    """Make the broker of the account that the keys belong to, at `url`."""
    return RemoteBroker(AlpacaDesk(alpaca_client.trading(key=key, secret=secret, url=url)))


class AlpacaDesk:
    """Alpaca's dialect; used by one thread at a time."""

    name = NAME
    traits = VenueTraits(finds_orders=True, settle_s=SETTLE_S, can_short=True)

    def __init__(self, client: alpaca_client.Trading) -> None:
        self._client = client
        self._assets = Assets(client)

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's rules; None when Alpaca does not trade it."""
        return self._assets.rules(instrument)

    def listed(self, instrument: Instrument) -> Listed | None:
        """Return an instrument's names at Alpaca."""
        return self._assets.listed(instrument)

    def prepare(self) -> None:
        """Do nothing: all that is needed is read with the instrument."""

    def send(self, order: Order, listed: Listed, *, window: SendWindow) -> HeldOrder:
        """Send a market order in one request: crypto until cancelled, stocks for the day."""
        document = {
            "symbol": listed.symbol,
            "qty": format(order.quantity, "f"),
            "side": "buy" if order.is_buy else "sell",
            "type": "market",
            "time_in_force": "gtc" if is_crypto(listed) else "day",
            "client_order_id": order.client_order_id,
        }
        self._client.ends = window.deadline
        try:
            return _held(self._client.post("/orders", document))
        finally:
            self._client.ends = None

    def outcome(self, answer: Answered) -> Outcome:
        """Say what an error means for the order it answers."""
        return answers.outcome_of(answer, _CODES)

    def find(self, order: Order, listed: Listed) -> HeldOrder | None:  # noqa: ARG002 - ids are unique over symbols
        """Look an order up by its client id: alone, then among all since before it was made."""
        client = self._client
        try:
            return alpaca_client.ask(client, lambda: _held(client.get_order_by_client_id(order.client_order_id)))
        except Answered as answer:
            if answer.status != alpaca_client.MISSING:
                raise VenueUnavailable(str(answer)) from answer
        return self._among_all(order)

    def executions(self, held: HeldOrder, listed: Listed) -> Sequence[Execution]:
        """Return the fills of an order from the account's activities since before it was taken."""
        found, token = list[Execution](), None
        while True:
            page = self._activities(since=held.at - _BEFORE, token=token)
            found += [_execution(one, listed) for one in page if one["order_id"] == held.venue_order_id]
            if len(page) < _PAGE or sum((one.quantity for one in found), Decimal(0)) >= held.filled:
                return found
            token = page[-1]["id"]

    def cancel(self, order: Order, listed: Listed) -> None:
        """Ask to cancel an order; one that is not open is no error."""
        held = self.find(order, listed)
        if held is None:
            return
        try:
            alpaca_client.ask(self._client, partial(self._client.cancel_order_by_id, held.venue_order_id))
        except Answered as answer:
            if answer.status not in (alpaca_client.MISSING, 422):
                raise VenueUnavailable(str(answer)) from answer

    def positions(self) -> list[VenuePosition]:
        """Return what the account holds by symbol."""
        told = alpaca_client.ask_surely(self._client, self._client.get_all_positions)
        return [
            VenuePosition(symbol=one["symbol"].replace("/", ""), quantity=_signed(one))
            for one in told
            if Decimal(one["qty"])
        ]

    def _activities(self, *, since: datetime, token: str | None) -> Sequence[Mapping[str, Any]]:
        given = {"after": since.isoformat(), "direction": "asc", "page_size": _PAGE, "page_token": token}
        told: Sequence[Mapping[str, Any]] = alpaca_client.ask_surely(
            self._client, lambda: self._client.get("/account/activities/FILL", given)
        )
        return told

    def _among_all(self, order: Order) -> HeldOrder | None:
        after = order.quote.at - _BEFORE
        while True:
            page = self._page(after)
            ours = next((one for one in page if one["client_order_id"] == order.client_order_id), None)
            if ours is not None:
                return _held(ours)
            newest = max((timestamps.from_text(one["submitted_at"]) for one in page), default=after)
            if len(page) < _LIST or newest <= after:
                return None
            after = newest

    def _page(self, after: datetime) -> Sequence[Mapping[str, Any]]:
        given = {"status": "all", "after": after.isoformat(), "direction": "asc", "limit": _LIST}
        told: Sequence[Mapping[str, Any]] = alpaca_client.ask_surely(
            self._client, lambda: self._client.get("/orders", given)
        )
        return told


def _held(order: Mapping[str, Any]) -> HeldOrder:
    filled, state = Decimal(order["filled_qty"] or 0), _STATES[order["status"]]
    return HeldOrder(
        venue_order_id=order["id"],
        symbol=order["symbol"],
        is_buy={"buy": True, "sell": False, "sell_short": False}[order["side"]],
        quantity=Decimal(order["qty"]),
        filled=filled,
        state=OrderState.PARTIAL if state is OrderState.ACCEPTED and filled else state,
        at=timestamps.from_text(order["submitted_at"])
        if order.get("submitted_at")
        else timestamps.from_text(order["created_at"]),
    )


def _execution(activity: Mapping[str, Any], listed: Listed) -> Execution:
    return Execution(
        trade_id=activity["id"],
        quantity=Decimal(activity["qty"]),
        price=Decimal(activity["price"]),
        fee=Decimal(0),
        fee_asset=listed.quote,
        at=timestamps.from_text(activity["transaction_time"]),
    )


def _signed(position: Mapping[str, Any]) -> Decimal:
    quantity = abs(Decimal(position["qty"]))
    return -quantity if position["side"] == "short" else quantity
