"""The part of Binance's spot API that ccxt's client uses, served from an account of the simulator."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from simulator import binance_market
from simulator.account import AccountRules, SimulatedAccount
from simulator.faults import RequestKind
from simulator.orders import FillPlan, OrderRefused, RefusalReason, SimulatedOrder, now_ms
from simulator.wire import VenueCall, WireAnswer, WireRequest

Parameters: TypeAlias = Mapping[str, str]

RULES = AccountRules(name="binance", client_ids_stay_taken=False, allows_shorts=False, fee_rate=Decimal("0.001"))
PREFIX = "/api/v3/"
MAX_AHEAD_MS = 1000
MAX_WINDOW_MS = 60_000
_REFUSALS = {
    RefusalReason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    RefusalReason.LOT: (-1013, "Filter failure: LOT_SIZE"),
    RefusalReason.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    RefusalReason.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    RefusalReason.DUPLICATE: (-2010, "Duplicate order sent."),
    RefusalReason.LATE: (-1021, "Timestamp for this request is outside of the recvWindow."),
}
_REQUEST_KINDS = {
    ("POST", "order"): RequestKind.SUBMIT,
    ("GET", "order"): RequestKind.LOOK_UP,
    ("DELETE", "order"): RequestKind.CANCEL,
    ("GET", "openOrders"): RequestKind.LOOK_UP,
    ("GET", "allOrders"): RequestKind.LOOK_UP,
    ("GET", "myTrades"): RequestKind.LOOK_UP,
    ("GET", "account"): RequestKind.ACCOUNT,
}


class BinanceProblem(Exception):
    """An error response with one of Binance's error codes."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.answer = WireAnswer(status=status, body={"code": code, "msg": message})


class BinanceApi:
    """Binance's spot API over one account."""

    def __init__(self, account: SimulatedAccount, *, key: str, secret: str) -> None:
        self._account, self._key, self._secret = account, key, secret
        self._market = binance_market.BinanceMarket(account)
        self._private_operations: dict[tuple[str, str], Callable[[Parameters, FillPlan], WireAnswer]] = {
            ("POST", "order"): self._submit_order,
            ("GET", "order"): self._get_order,
            ("DELETE", "order"): self._cancel_order,
            ("GET", "openOrders"): self._list_open_orders,
            ("GET", "allOrders"): self._list_all_orders,
            ("GET", "myTrades"): self._list_trades,
            ("GET", "account"): self._get_account,
        }

    @property
    def market(self) -> binance_market.BinanceMarket:
        """The public part, on which hidden quotes and the clock's offset are set."""
        return self._market

    def resolve_call(self, request: WireRequest) -> VenueCall | None:
        """Return the call that a request makes; None when its path is not one of Binance's."""
        if not request.path.startswith(PREFIX):
            return None
        key = (request.method, request.path.removeprefix(PREFIX))
        parameters = request.parameters
        return VenueCall(
            venue=RULES.name,
            kind=_REQUEST_KINDS.get(key, RequestKind.MARKET),
            client_id=parameters.get("newClientOrderId") or parameters.get("origClientOrderId") or "",
            run=lambda plan: self._answer(key, request, parameters, plan),
            rejection=_build_refusal(RefusalReason.FUNDS),
        )

    def _answer(self, key: tuple[str, str], request: WireRequest, parameters: Parameters, plan: FillPlan) -> WireAnswer:
        """Perform a request; every failure is answered as Binance words it."""
        try:
            if key not in self._private_operations:
                return self._market.answer(key[1], parameters)
            self._check_signature(request)
            with self._account.lock:
                self._check_time(parameters, is_order=key == ("POST", "order"))
                return self._private_operations[key](parameters, plan)
        except BinanceProblem as problem:
            return problem.answer
        except OrderRefused as refused:
            return _build_refusal(refused.reason)
        except (KeyError, InvalidOperation, ValueError):
            return WireAnswer(
                status=400, body={"code": -1102, "msg": "A mandatory parameter was missing or malformed."}
            )

    def _check_signature(self, request: WireRequest) -> None:
        """Raise BinanceProblem unless the API key and the HMAC signature are right."""
        if request.headers.get("x-mbx-apikey") != self._key:
            raise BinanceProblem(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        signed, _, signature = (request.query + request.body).rpartition("&signature=")
        expected = hmac.new(self._secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise BinanceProblem(-1022, "Signature for this request is not valid.")

    def _check_time(self, parameters: Parameters, *, is_order: bool) -> None:
        """Raise BinanceProblem when the timestamp is in the future or older than the receive window."""
        stamp, window, now = (
            int(parameters["timestamp"]),
            int(parameters.get("recvWindow", 5000)),
            self._market.now_ms(),
        )
        if window > MAX_WINDOW_MS:
            raise BinanceProblem(-1131, "recvWindow must be less than 60000")
        if stamp > now + MAX_AHEAD_MS or now - stamp > window:
            if is_order:
                self._account.record_refusal(parameters.get("newClientOrderId", ""), RefusalReason.LATE)
            raise BinanceProblem(*_REFUSALS[RefusalReason.LATE])

    def _submit_order(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:
        """Submit a market order and answer with the order and its fills."""
        if parameters["type"] != "MARKET":
            raise BinanceProblem(-1116, "Invalid orderType.")
        order = self._account.submit(
            parameters["newClientOrderId"],
            parameters["symbol"],
            is_buy=parameters["side"] == "BUY",
            quantity=Decimal(parameters["quantity"]),
            plan=plan,
        )
        fills = [
            {
                "price": str(fill.price),
                "qty": str(fill.quantity),
                "commission": str(fill.fee),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.fill_id,
            }
            for fill in order.fills
        ]
        return WireAnswer(
            body={
                **_render_order(order),
                "transactTime": max((fill.at for fill in order.fills), default=order.at),
                "fills": fills,
            }
        )

    def _get_order(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - all operations have one signature
        return WireAnswer(
            body=_render_order(self._find_order(parameters, missing=BinanceProblem(-2013, "Order does not exist.")))
        )

    def _cancel_order(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Cancel an open order and answer with it."""
        unknown = BinanceProblem(-2011, "Unknown order sent.")
        order = self._find_order(parameters, missing=unknown)
        if not self._account.cancel(order):
            raise unknown
        return WireAnswer(body=_render_order(order))

    def _find_order(self, parameters: Parameters, *, missing: BinanceProblem) -> SimulatedOrder:
        """Find the order that the parameters name by number or client id; raise `missing` when there is none."""
        by_number = "orderId" in parameters
        order = (
            self._account.find_by_number(int(parameters["orderId"]))
            if by_number
            else self._account.find_newest(parameters["origClientOrderId"])
        )
        if order is None or order.instrument.symbol != parameters["symbol"]:
            raise missing
        return order

    def _list_open_orders(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        return WireAnswer(body=[_render_order(order) for order in self._select_orders(parameters) if order.is_open])

    def _list_all_orders(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with orders of any state, from a start time or number on."""
        start_time, first_number = int(parameters.get("startTime", 0)), int(parameters.get("orderId", 0))
        orders = [
            order
            for order in self._select_orders(parameters)
            if order.at >= start_time and order.number >= first_number
        ]
        return WireAnswer(body=[_render_order(order) for order in orders[: int(parameters.get("limit", 500))]])

    def _list_trades(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with the fills of one order or of all orders of a symbol."""
        wanted_order = int(parameters.get("orderId", 0))
        body = [
            _render_trade(order, fill_index)
            for order in self._select_orders(parameters)
            for fill_index in range(len(order.fills))
            if wanted_order in (0, order.number)
        ]
        return WireAnswer(body=body[: int(parameters.get("limit", 500))])

    def _get_account(self, parameters: Parameters, plan: FillPlan) -> WireAnswer:  # noqa: ARG002 - likewise
        """Answer with the account's balances."""
        balances = [
            {"asset": asset, "free": str(amount), "locked": "0"} for asset, amount in self._account.balances.items()
        ]
        return WireAnswer(body={"accountType": "SPOT", "canTrade": True, "updateTime": now_ms(), "balances": balances})

    def _select_orders(self, parameters: Parameters) -> list[SimulatedOrder]:
        """Return the orders of the requested symbol, or all orders."""
        return [
            order
            for order in self._account.orders
            if parameters.get("symbol", order.instrument.symbol) == order.instrument.symbol
        ]


def _build_refusal(reason: RefusalReason) -> WireAnswer:
    """Build Binance's answer to an order that is refused for a reason."""
    code, message = _REFUSALS[reason]
    return WireAnswer(status=400, body={"code": code, "msg": message})


def _render_order(order: SimulatedOrder) -> dict[str, Any]:
    """Render an order as Binance's API returns it."""
    return {
        "symbol": order.instrument.symbol,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": "0.00000000",
        "origQty": str(order.quantity),
        "executedQty": str(order.filled),
        "cummulativeQuoteQty": str(order.cost),
        "status": _render_status(order),
        "timeInForce": "GTC",
        "type": "MARKET",
        "side": "BUY" if order.is_buy else "SELL",
        "time": order.at,
        "updateTime": order.at,
        "isWorking": True,
    }


def _render_status(order: SimulatedOrder) -> str:
    """Return the status of an order in Binance's words."""
    if order.filled == order.quantity:
        return "FILLED"
    if order.is_cancelled:
        return "CANCELED"
    return "PARTIALLY_FILLED" if order.fills else "NEW"


def _render_trade(order: SimulatedOrder, fill_index: int) -> dict[str, Any]:
    """Render one fill of an order as a trade of Binance's API."""
    fill = order.fills[fill_index]
    return {
        "symbol": order.instrument.symbol,
        "id": fill.fill_id,
        "orderId": order.number,
        "orderListId": -1,
        "price": str(fill.price),
        "qty": str(fill.quantity),
        "quoteQty": str(fill.quantity * fill.price),
        "commission": str(fill.fee),
        "commissionAsset": fill.fee_asset,
        "time": fill.at,
        "isBuyer": order.is_buy,
        "isMaker": False,
        "isBestMatch": True,
    }
