"""The part of Binance's spot API that ccxt's client uses, over an account of the simulator."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from simulator import binance_market
from simulator.account import AT_ONCE, Account, AccountRules, FillPlan, Reason, Refused, SimulatedOrder, now_ms
from simulator.faults import Kind
from simulator.wire import Answer, Call, Request

Parameters: TypeAlias = Mapping[str, str]

RULES = AccountRules(name="binance", ids_are_taken_for_ever=False, shorts=False, fee_rate=Decimal("0.001"))
PREFIX = "/api/v3/"
MAX_AHEAD_MS = 1000
MAX_WINDOW_MS = 60_000
_REASONS = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.LOT: (-1013, "Filter failure: LOT_SIZE"),
    Reason.NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    Reason.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reason.DUPLICATE: (-2010, "Duplicate order sent."),
    Reason.LATE: (-1021, "Timestamp for this request is outside of the recvWindow."),
}
_KINDS = {
    ("POST", "order"): Kind.SUBMIT,
    ("GET", "order"): Kind.LOOK_UP,
    ("DELETE", "order"): Kind.CANCEL,
    ("GET", "openOrders"): Kind.LOOK_UP,
    ("GET", "allOrders"): Kind.LOOK_UP,
    ("GET", "myTrades"): Kind.LOOK_UP,
    ("GET", "account"): Kind.ACCOUNT,
}


class Problem(Exception):
    """An answer with a code of Binance's."""

    def __init__(self, code: int, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, body={"code": code, "msg": message})


class Binance:
    """Understands requests of Binance's spot API."""

    def __init__(self, account: Account, *, key: str, secret: str) -> None:
        self._account, self._key, self._secret = account, key, secret
        self._market = binance_market.Market(account)
        self._private: dict[tuple[str, str], Callable[[Parameters, FillPlan], Answer]] = {
            ("POST", "order"): self._submit,
            ("GET", "order"): self._order,
            ("DELETE", "order"): self._cancel,
            ("GET", "openOrders"): self._open_orders,
            ("GET", "allOrders"): self._all_orders,
            ("GET", "myTrades"): self._trades,
            ("GET", "account"): self._balances,
        }

    @property
    def market(self) -> binance_market.Market:
        """The public side, where what a ticker hides and the clock's offset are set."""
        return self._market

    def call(self, request: Request) -> Call | None:
        """Say what a request asks for; None when it is none of Binance's."""
        if not request.path.startswith(PREFIX):
            return None
        key = (request.method, request.path.removeprefix(PREFIX))
        parameters = request.parameters
        return Call(
            venue=RULES.name,
            kind=_KINDS.get(key, Kind.MARKET),
            client_id=parameters.get("newClientOrderId") or parameters.get("origClientOrderId") or "",
            run=lambda plan: self._answer(key, request, parameters, plan),
            rejection=_refusal(Reason.FUNDS),
        )

    def _answer(self, key: tuple[str, str], request: Request, parameters: Parameters, plan: FillPlan) -> Answer:
        try:
            if key not in self._private:
                return self._market.answer(key[1], parameters)
            self._check_signature(request)
            with self._account.lock:
                self._check_time(parameters, is_order=key == ("POST", "order"))
                return self._private[key](parameters, plan)
        except Problem as problem:
            return problem.answer
        except Refused as refused:
            return _refusal(refused.reason)
        except (KeyError, InvalidOperation, ValueError):
            return Answer(status=400, body={"code": -1102, "msg": "A mandatory parameter was missing or malformed."})

    def _check_signature(self, request: Request) -> None:
        if request.headers.get("x-mbx-apikey") != self._key:
            raise Problem(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        signed, _, given = (request.query + request.body).rpartition("&signature=")
        expected = hmac.new(self._secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, given):
            raise Problem(-1022, "Signature for this request is not valid.")

    def _check_time(self, parameters: Parameters, *, is_order: bool) -> None:
        stamp, window, now = int(parameters["timestamp"]), int(parameters.get("recvWindow", 5000)), self._market.now()
        if window > MAX_WINDOW_MS:
            raise Problem(-1131, "recvWindow must be less than 60000")
        if stamp > now + MAX_AHEAD_MS or now - stamp > window:
            if is_order:
                self._account.note_refusal(parameters.get("newClientOrderId", ""), Reason.LATE)
            raise Problem(*_REASONS[Reason.LATE])

    def _submit(self, given: Parameters, plan: FillPlan) -> Answer:
        if given["type"] != "MARKET":
            raise Problem(-1116, "Invalid orderType.")
        order = self._account.submit(
            given["newClientOrderId"],
            given["symbol"],
            is_buy=given["side"] == "BUY",
            quantity=Decimal(given["quantity"]),
            plan=plan,
        )
        fills = [
            {
                "price": str(one.price),
                "qty": str(one.quantity),
                "commission": str(one.fee),
                "commissionAsset": one.fee_asset,
                "tradeId": one.fill_id,
            }
            for one in order.fills
        ]
        return Answer(
            body={
                **_shown(order),
                "transactTime": max((one.at for one in order.fills), default=order.at),
                "fills": fills,
            }
        )

    def _order(self, given: Parameters, plan: FillPlan = AT_ONCE) -> Answer:  # noqa: ARG002 - one shape for all calls
        return Answer(body=_shown(self._found(given, missing=Problem(-2013, "Order does not exist."))))

    def _cancel(self, given: Parameters, plan: FillPlan) -> Answer:  # noqa: ARG002
        unknown = Problem(-2011, "Unknown order sent.")
        order = self._found(given, missing=unknown)
        if not self._account.cancel(order):
            raise unknown
        return Answer(body=_shown(order))

    def _found(self, given: Parameters, *, missing: Problem) -> SimulatedOrder:
        by_number = "orderId" in given
        found = (
            self._account.numbered(int(given["orderId"]))
            if by_number
            else self._account.newest(given["origClientOrderId"])
        )
        if found is None or found.listing.symbol != given["symbol"]:
            raise missing
        return found

    def _open_orders(self, given: Parameters, plan: FillPlan) -> Answer:  # noqa: ARG002
        return Answer(body=[_shown(one) for one in self._of(given) if one.is_open])

    def _all_orders(self, given: Parameters, plan: FillPlan) -> Answer:  # noqa: ARG002
        since, least = int(given.get("startTime", 0)), int(given.get("orderId", 0))
        found = [one for one in self._of(given) if one.at >= since and one.number >= least]
        return Answer(body=[_shown(one) for one in found[: int(given.get("limit", 500))]])

    def _trades(self, given: Parameters, plan: FillPlan) -> Answer:  # noqa: ARG002
        wanted = int(given.get("orderId", 0))
        body = [
            _trade(order, number)
            for order in self._of(given)
            for number in range(len(order.fills))
            if wanted in (0, order.number)
        ]
        return Answer(body=body[: int(given.get("limit", 500))])

    def _balances(self, given: Parameters, plan: FillPlan) -> Answer:  # noqa: ARG002
        held = [
            {"asset": asset, "free": str(amount), "locked": "0"} for asset, amount in self._account.balances.items()
        ]
        return Answer(body={"accountType": "SPOT", "canTrade": True, "updateTime": now_ms(), "balances": held})

    def _of(self, given: Parameters) -> list[SimulatedOrder]:
        return [one for one in self._account.orders if given.get("symbol", one.listing.symbol) == one.listing.symbol]


def _refusal(reason: Reason) -> Answer:
    code, message = _REASONS[reason]
    return Answer(status=400, body={"code": code, "msg": message})


def _shown(order: SimulatedOrder) -> dict[str, Any]:
    return {
        "symbol": order.listing.symbol,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": "0.00000000",
        "origQty": str(order.quantity),
        "executedQty": str(order.filled),
        "cummulativeQuoteQty": str(order.cost),
        "status": _status(order),
        "timeInForce": "GTC",
        "type": "MARKET",
        "side": "BUY" if order.is_buy else "SELL",
        "time": order.at,
        "updateTime": order.at,
        "isWorking": True,
    }


def _status(order: SimulatedOrder) -> str:
    if order.filled == order.quantity:
        return "FILLED"
    if order.is_cancelled:
        return "CANCELED"
    return "PARTIALLY_FILLED" if order.fills else "NEW"


def _trade(order: SimulatedOrder, number: int) -> dict[str, Any]:
    fill = order.fills[number]
    return {
        "symbol": order.listing.symbol,
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
