"""The part of Alpaca's API that alpaca-py's clients use, served from an account of the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from simulator import alpaca_market
from simulator.account import AccountRules, SimulatedAccount
from simulator.faults import RequestKind
from simulator.orders import FillPlan, OrderRefused, RefusalReason, SimulatedFill, SimulatedOrder
from simulator.wire import VenueCall, WireAnswer, WireRequest

RULES = AccountRules(name="alpaca", client_ids_stay_taken=True, allows_shorts=True, fee_rate=Decimal(0))
PREFIX = "/v2/"
_BY_CLIENT_ID = "orders:by_client_order_id"
_REFUSALS = {
    RefusalReason.UNKNOWN_SYMBOL: (422, 42210000, "asset not found"),
    RefusalReason.LOT: (422, 42210000, "qty increment is invalid"),
    RefusalReason.NOTIONAL: (403, 40310000, "cost basis must be >= minimal amount of order"),
    RefusalReason.FUNDS: (403, 40310000, "insufficient buying power"),
    RefusalReason.DUPLICATE: (422, 40010001, "client_order_id must be unique"),
}
_ORDER_NOT_FOUND = WireAnswer(status=404, body={"code": 40410000, "message": "order not found"})


class AlpacaApi:
    """Alpaca's trading and data API over one account."""

    def __init__(self, account: SimulatedAccount, *, key: str, secret: str) -> None:
        self._account, self._key, self._secret = account, key, secret
        self._market = alpaca_market.AlpacaMarket(account)

    def resolve_call(self, request: WireRequest) -> VenueCall | None:
        """Return the call that a request makes; None when its path is not one of Alpaca's."""
        if not request.path.startswith((PREFIX, alpaca_market.CRYPTO_PREFIX)):
            return None
        kind = _classify_request(request)
        return VenueCall(
            venue=RULES.name,
            kind=kind,
            client_id=_read_client_id(request, kind),
            run=lambda plan: self._answer(request, kind, plan),
            rejection=_build_refusal(RefusalReason.FUNDS),
        )

    def _answer(self, request: WireRequest, kind: RequestKind, plan: FillPlan) -> WireAnswer:
        """Check the credentials and perform a request; every failure is answered as Alpaca words it."""
        credentials = request.headers.get("apca-api-key-id"), request.headers.get("apca-api-secret-key")
        if credentials != (self._key, self._secret):
            return WireAnswer(status=401, body={"code": 40110000, "message": "request is not authorized"})
        if kind is RequestKind.MARKET:
            return self._market.answer(request.path, request.parameters)
        try:
            with self._account.lock:
                return self._find_operation(request, kind)(request, plan)
        except OrderRefused as refused:
            return _build_refusal(refused.reason)
        except (KeyError, InvalidOperation, ValueError):
            return WireAnswer(status=422, body={"code": 40010001, "message": "request body format is invalid"})

    def _find_operation(self, request: WireRequest, kind: RequestKind) -> Callable[[WireRequest, FillPlan], WireAnswer]:
        """Return the method that serves a trading request."""
        path = request.path.removeprefix(PREFIX)
        match path:
            case "account":
                return self._get_account
            case "positions":
                return self._list_positions
            case "account/activities/FILL":
                return self._list_fill_activities
            case "orders" if kind is RequestKind.SUBMIT:
                return self._submit_order
            case "orders":
                return self._list_orders
            case _:
                return self._cancel_order if kind is RequestKind.CANCEL else self._get_order

    def _submit_order(self, request: WireRequest, plan: FillPlan) -> WireAnswer:
        """Submit a market order and answer with the order."""
        document = request.document
        order = self._account.submit(
            document["client_order_id"],
            document["symbol"],
            is_buy=document["side"] == "buy",
            quantity=Decimal(str(document["qty"])),
            plan=plan,
            time_in_force=document["time_in_force"],
        )
        return WireAnswer(body=_render_order(order))

    def _get_order(self, request: WireRequest, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - all operations have one signature
        """Answer with an order, or 404."""
        order = self._find_order(request)
        return _ORDER_NOT_FOUND if order is None else WireAnswer(body=_render_order(order))

    def _cancel_order(self, request: WireRequest, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Cancel an order and answer 204; 404 when it does not exist, 422 when it is not open."""
        order = self._find_order(request)
        if order is None:
            return _ORDER_NOT_FOUND
        if not self._account.cancel(order):
            return WireAnswer(
                status=422, body={"code": 42210000, "message": f"order is already in {_render_status(order)} state"}
            )
        return WireAnswer(status=204)

    def _find_order(self, request: WireRequest) -> SimulatedOrder | None:
        """Find the order that a request names by client id or by Alpaca's id."""
        name = request.path.removeprefix(PREFIX)
        if name == _BY_CLIENT_ID:
            return self._account.find_newest(request.parameters["client_order_id"])
        return self._account.find_by_number(UUID(name.removeprefix("orders/")).int)

    def _list_orders(self, request: WireRequest, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with orders, filtered, sorted and limited by the parameters."""
        parameters = request.parameters
        wanted_status, after = parameters.get("status", "open"), parameters.get("after", "")
        orders = [
            order
            for order in self._account.orders
            if wanted_status == "all" or order.is_open == (wanted_status == "open")
            if not after or _to_datetime(order.at) > datetime.fromisoformat(after)
        ]
        if parameters.get("direction", "desc") == "desc":
            orders.reverse()
        return WireAnswer(body=[_render_order(order) for order in orders[: int(parameters.get("limit", 50))]])

    def _list_fill_activities(self, request: WireRequest, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with one page of the fills, as account activities."""
        parameters = request.parameters
        after, page_token = parameters.get("after", ""), parameters.get("page_token", "")
        activities = [
            _render_activity(order, fill)
            for order in self._account.orders
            for fill in order.fills
            if not after or _to_datetime(fill.at) > datetime.fromisoformat(after)
        ]
        activities.sort(key=lambda activity: str(activity["id"]), reverse=parameters.get("direction", "desc") == "desc")
        start = next((position + 1 for position, activity in enumerate(activities) if activity["id"] == page_token), 0)
        return WireAnswer(body=activities[start : start + int(parameters.get("page_size", 100))])

    def _list_positions(self, request: WireRequest, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with the account's positions."""
        return WireAnswer(
            body=[
                {"symbol": symbol.replace("/", ""), "qty": str(quantity), "side": "long" if quantity > 0 else "short"}
                for symbol, quantity in self._account.sum_positions().items()
            ]
        )

    def _get_account(self, request: WireRequest, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with the account's cash and status."""
        cash = self._account.balances["USD"]
        return WireAnswer(
            body={
                "id": str(UUID(int=0)),
                "status": "ACTIVE",
                "currency": "USD",
                "cash": str(cash),
                "buying_power": str(cash),
                "shorting_enabled": True,
            }
        )


def _classify_request(request: WireRequest) -> RequestKind:
    """Return the kind of a request, by its method and path."""
    name = request.path.removeprefix(PREFIX)
    if not name.startswith(("orders", "positions", "account")):
        return RequestKind.MARKET
    if request.method == "POST":
        return RequestKind.SUBMIT
    if request.method == "DELETE":
        return RequestKind.CANCEL
    return RequestKind.ACCOUNT if name in ("account", "positions") else RequestKind.LOOK_UP


def _read_client_id(request: WireRequest, kind: RequestKind) -> str:
    """Return the client order id that a request carries; empty when it carries none."""
    if kind is not RequestKind.SUBMIT:
        return request.parameters.get("client_order_id", "")
    try:
        return str(request.document["client_order_id"])
    except (json.JSONDecodeError, KeyError, TypeError):
        return ""


def _build_refusal(reason: RefusalReason) -> WireAnswer:
    """Build Alpaca's answer to an order that is refused for a reason."""
    status, code, message = _REFUSALS[reason]
    return WireAnswer(status=status, body={"code": code, "message": message})


def _render_order(order: SimulatedOrder) -> dict[str, Any]:
    """Render an order as Alpaca's API returns it."""
    average = str(order.cost / order.filled) if order.fills else None
    return {
        "id": str(UUID(int=order.number)),
        "client_order_id": order.client_id,
        "created_at": _format_time(order.at),
        "submitted_at": _format_time(order.at),
        "symbol": order.instrument.symbol,
        "qty": str(order.quantity),
        "filled_qty": str(order.filled),
        "filled_avg_price": average,
        "type": "market",
        "order_type": "market",
        "side": "buy" if order.is_buy else "sell",
        "status": _render_status(order),
        "time_in_force": "day",
    }


def _render_status(order: SimulatedOrder) -> str:
    """Return the status of an order in Alpaca's words."""
    if order.filled == order.quantity:
        return "filled"
    if order.is_cancelled:
        return "canceled"
    return "partially_filled" if order.fills else "new"


def _render_activity(order: SimulatedOrder, fill: SimulatedFill) -> dict[str, Any]:
    """Render a fill as an account activity."""
    return {
        "id": f"{_to_datetime(fill.at):%Y%m%d%H%M%S%f}::{UUID(int=fill.fill_id)}",
        "activity_type": "FILL",
        "transaction_time": _format_time(fill.at),
        "type": "fill",
        "price": str(fill.price),
        "qty": str(fill.quantity),
        "side": "buy" if order.is_buy else "sell",
        "symbol": order.instrument.symbol,
        "order_id": str(UUID(int=order.number)),
    }


def _to_datetime(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, tz=UTC)


def _format_time(at: int) -> str:
    return _to_datetime(at).isoformat().replace("+00:00", "Z")
