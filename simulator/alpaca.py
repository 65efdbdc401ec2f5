"""The part of Alpaca's trading API that alpaca-py's client uses, over an account of the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from simulator import alpaca_market
from simulator.account import Account, AccountRules, FillPlan, Reason, Refused, SimulatedFill, SimulatedOrder
from simulator.faults import Kind
from simulator.wire import Answer, Call, Request

RULES = AccountRules(name="alpaca", ids_are_taken_for_ever=True, shorts=True, fee_rate=Decimal(0))
PREFIX = "/v2/"
_BY_CLIENT_ID = "orders:by_client_order_id"
_REASONS = {
    Reason.UNKNOWN_SYMBOL: (422, 42210000, "asset not found"),
    Reason.LOT: (422, 42210000, "qty increment is invalid"),
    Reason.NOTIONAL: (403, 40310000, "cost basis must be >= minimal amount of order"),
    Reason.FUNDS: (403, 40310000, "insufficient buying power"),
    Reason.DUPLICATE: (422, 40010001, "client_order_id must be unique"),
}
_MISSING = Answer(status=404, body={"code": 40410000, "message": "order not found"})


class Alpaca:
    """Understands requests of Alpaca's APIs."""

    def __init__(self, account: Account, *, key: str, secret: str) -> None:
        self._account, self._key, self._secret = account, key, secret
        self._market = alpaca_market.Market(account)

    def call(self, request: Request) -> Call | None:
        """Say what a request asks for; None when it is none of Alpaca's."""
        if not request.path.startswith((PREFIX, alpaca_market.CRYPTO_PREFIX)):
            return None
        kind = _kind(request)
        return Call(
            venue=RULES.name,
            kind=kind,
            client_id=_client_id(request, kind),
            run=lambda plan: self._answer(request, kind, plan),
            rejection=_refusal(Reason.FUNDS),
        )

    def _answer(self, request: Request, kind: Kind, plan: FillPlan) -> Answer:
        given = request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key")
        if given != (self._key, self._secret):
            return Answer(status=401, body={"code": 40110000, "message": "request is not authorized"})
        if kind is Kind.MARKET:
            return self._market.answer(request.path, request.parameters)
        try:
            with self._account.lock:
                return self._performed(request, kind)(request, plan)
        except Refused as refused:
            return _refusal(refused.reason)
        except (KeyError, InvalidOperation, ValueError):
            return Answer(status=422, body={"code": 40010001, "message": "request body format is invalid"})

    def _performed(self, request: Request, kind: Kind) -> Callable[[Request, FillPlan], Answer]:
        name = request.path.removeprefix(PREFIX)
        match name:
            case "account":
                return self._balance
            case "positions":
                return self._positions
            case "account/activities/FILL":
                return self._activities
            case "orders" if kind is Kind.SUBMIT:
                return self._submit
            case "orders":
                return self._orders
            case _:
                return self._cancel if kind is Kind.CANCEL else self._order

    def _submit(self, request: Request, plan: FillPlan) -> Answer:
        given = request.document
        order = self._account.submit(
            given["client_order_id"],
            given["symbol"],
            is_buy=given["side"] == "buy",
            quantity=Decimal(str(given["qty"])),
            plan=plan,
            time_in_force=given["time_in_force"],
        )
        return Answer(body=_shown(order))

    def _order(self, request: Request, plan: FillPlan) -> Answer:  # noqa: ARG002 - one shape for all calls
        found = self._found(request)
        return _MISSING if found is None else Answer(body=_shown(found))

    def _cancel(self, request: Request, plan: FillPlan) -> Answer:  # noqa: ARG002
        found = self._found(request)
        if found is None:
            return _MISSING
        if not self._account.cancel(found):
            return Answer(status=422, body={"code": 42210000, "message": f"order is already in {_status(found)} state"})
        return Answer(status=204)

    def _found(self, request: Request) -> SimulatedOrder | None:
        name = request.path.removeprefix(PREFIX)
        if name == _BY_CLIENT_ID:
            return self._account.newest(request.parameters["client_order_id"])
        return self._account.numbered(UUID(name.removeprefix("orders/")).int)

    def _orders(self, request: Request, plan: FillPlan) -> Answer:  # noqa: ARG002
        given = request.parameters
        wanted, after = given.get("status", "open"), given.get("after", "")
        found = [
            one
            for one in self._account.orders
            if wanted == "all" or one.is_open == (wanted == "open")
            if not after or _time(one.at) > datetime.fromisoformat(after)
        ]
        if given.get("direction", "desc") == "desc":
            found.reverse()
        return Answer(body=[_shown(one) for one in found[: int(given.get("limit", 50))]])

    def _activities(self, request: Request, plan: FillPlan) -> Answer:  # noqa: ARG002
        given = request.parameters
        after, token = given.get("after", ""), given.get("page_token", "")
        found = [
            _activity(order, fill)
            for order in self._account.orders
            for fill in order.fills
            if not after or _time(fill.at) > datetime.fromisoformat(after)
        ]
        found.sort(key=lambda one: str(one["id"]), reverse=given.get("direction", "desc") == "desc")
        start = next((place + 1 for place, one in enumerate(found) if one["id"] == token), 0)
        return Answer(body=found[start : start + int(given.get("page_size", 100))])

    def _positions(self, request: Request, plan: FillPlan) -> Answer:  # noqa: ARG002
        return Answer(
            body=[
                {"symbol": symbol.replace("/", ""), "qty": str(quantity), "side": "long" if quantity > 0 else "short"}
                for symbol, quantity in self._account.net().items()
            ]
        )

    def _balance(self, request: Request, plan: FillPlan) -> Answer:  # noqa: ARG002
        cash = self._account.balances["USD"]
        return Answer(
            body={
                "id": str(UUID(int=0)),
                "status": "ACTIVE",
                "currency": "USD",
                "cash": str(cash),
                "buying_power": str(cash),
                "shorting_enabled": True,
            }
        )


def _kind(request: Request) -> Kind:
    name = request.path.removeprefix(PREFIX)
    if not name.startswith(("orders", "positions", "account")):
        return Kind.MARKET
    if request.method == "POST":
        return Kind.SUBMIT
    if request.method == "DELETE":
        return Kind.CANCEL
    return Kind.ACCOUNT if name in ("account", "positions") else Kind.LOOK_UP


def _client_id(request: Request, kind: Kind) -> str:
    if kind is not Kind.SUBMIT:
        return request.parameters.get("client_order_id", "")
    try:
        return str(request.document["client_order_id"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return ""


def _refusal(reason: Reason) -> Answer:
    status, code, message = _REASONS[reason]
    return Answer(status=status, body={"code": code, "message": message})


def _shown(order: SimulatedOrder) -> dict[str, Any]:
    average = str(order.cost / order.filled) if order.fills else None
    return {
        "id": str(UUID(int=order.number)),
        "client_order_id": order.client_id,
        "created_at": _written(order.at),
        "submitted_at": _written(order.at),
        "symbol": order.listing.symbol,
        "qty": str(order.quantity),
        "filled_qty": str(order.filled),
        "filled_avg_price": average,
        "type": "market",
        "order_type": "market",
        "side": "buy" if order.is_buy else "sell",
        "status": _status(order),
        "time_in_force": "day",
    }


def _status(order: SimulatedOrder) -> str:
    if order.filled == order.quantity:
        return "filled"
    if order.is_cancelled:
        return "canceled"
    return "partially_filled" if order.fills else "new"


def _activity(order: SimulatedOrder, fill: SimulatedFill) -> dict[str, Any]:
    return {
        "id": f"{_time(fill.at):%Y%m%d%H%M%S%f}::{UUID(int=fill.fill_id)}",
        "activity_type": "FILL",
        "transaction_time": _written(fill.at),
        "type": "fill",
        "price": str(fill.price),
        "qty": str(fill.quantity),
        "side": "buy" if order.is_buy else "sell",
        "symbol": order.listing.symbol,
        "order_id": str(UUID(int=order.number)),
    }


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, tz=UTC)


def _written(at: int) -> str:
    return _time(at).isoformat().replace("+00:00", "Z")
