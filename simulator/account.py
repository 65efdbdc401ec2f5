"""An account at the simulator: its orders, fills and balances, each of them in the ledger before anybody can see it."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from enum import Enum
from threading import RLock
from typing import Any

from simulator.catalogue import Listing
from simulator.ledger import Event, LedgerFile
from simulator.prices import PriceBoard


class Reason(Enum):
    """Why an order was refused."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    LOT = "lot"
    NOTIONAL = "notional"
    FUNDS = "funds"
    DUPLICATE = "duplicate"
    LATE = "late"


class Refused(Exception):
    """The order is not taken."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FillPlan:
    """How much of an order fills at once, and after how many seconds the rest does (None: not by itself)."""

    fraction: Decimal = Decimal(1)
    rest_s: float | None = None


AT_ONCE = FillPlan()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """How a venue treats orders: whether an id is taken for ever, shorts, and the fee on what is received."""

    name: str
    ids_are_taken_for_ever: bool
    shorts: bool
    fee_rate: Decimal
    fee_asset: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFill:
    """One execution; the fee is in `fee_asset`."""

    fill_id: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: int


@dataclass(slots=True, kw_only=True)
class SimulatedOrder:
    """An order as the simulator holds it; it changes through fills and cancelling only."""

    number: int
    client_id: str
    listing: Listing
    is_buy: bool
    quantity: Decimal
    at: int
    fills: list[SimulatedFill] = field(default_factory=list)
    is_cancelled: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filled(self) -> Decimal:
        """How much was executed."""
        return sum((one.quantity for one in self.fills), Decimal(0))

    @property
    def cost(self) -> Decimal:
        """What was paid or received in the quote currency."""
        return sum((one.quantity * one.price for one in self.fills), Decimal(0))

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return not self.is_cancelled and self.filled < self.quantity


def now_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class Account:
    """One account: thread-safe, rebuilt from its ledger after a restart."""

    def __init__(
        self,
        rules: AccountRules,
        *,
        listings: Mapping[str, Listing],
        prices: PriceBoard,
        ledger: LedgerFile,
        balances: Mapping[str, Decimal],
    ) -> None:
        self.rules, self.listings, self.prices = rules, listings, prices
        self.refuses_duplicates = True
        self.balances: defaultdict[str, Decimal] = defaultdict(Decimal, balances)
        self.orders: list[SimulatedOrder] = []
        self.lock = RLock()
        self._ledger = ledger
        self._fill_numbers = 0
        for event in ledger.replayed:
            if event.get("venue") == rules.name:
                self._replay(event)

    def submit(
        self, client_id: str, symbol: str, *, is_buy: bool, quantity: Decimal, plan: FillPlan, **extra: Any
    ) -> SimulatedOrder:
        """Take an order and fill it as planned.

        Raises:
            Refused: when the venue's rules do not allow it.
        """
        with self.lock:
            try:
                self._check(client_id, symbol, is_buy=is_buy, quantity=quantity)
            except Refused as refused:
                self.note_refusal(client_id, refused.reason)
                raise
            order = self._accept(client_id, self.listings[symbol], is_buy=is_buy, quantity=quantity, extra=extra)
            self._fill(order, order.quantity * plan.fraction)
            return order

    def fill_rest(self, client_id: str) -> None:
        """Fill what is left of an open order."""
        with self.lock:
            order = self.newest(client_id)
            if order is not None and order.is_open:
                self._fill(order, order.quantity - order.filled)

    def cancel(self, order: SimulatedOrder) -> bool:
        """Cancel what is left; returns False when nothing was."""
        with self.lock:
            if not order.is_open:
                return False
            self._ledger.add("cancelled", venue=self.rules.name, number=order.number, client_id=order.client_id)
            order.is_cancelled = True
            return True

    def newest(self, client_id: str) -> SimulatedOrder | None:
        """Return the last order that was taken under an id."""
        return next((one for one in reversed(self.orders) if one.client_id == client_id), None)

    def numbered(self, number: int) -> SimulatedOrder | None:
        """Return an order by the venue's own number."""
        return next((one for one in self.orders if one.number == number), None)

    def net(self) -> dict[str, Decimal]:
        """Return the sum of the fills by symbol, without what is zero."""
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for one in self.orders:
            totals[one.listing.symbol] += one.filled if one.is_buy else -one.filled
        return {symbol: total for symbol, total in totals.items() if total}

    def note_refusal(self, client_id: str, reason: Reason) -> None:
        """Write that an order was refused."""
        self._ledger.add("refused", venue=self.rules.name, client_id=client_id, reason=reason.value, at=now_ms())

    def _check(self, client_id: str, symbol: str, *, is_buy: bool, quantity: Decimal) -> None:
        listing = self.listings.get(symbol)
        if listing is None:
            raise Refused(Reason.UNKNOWN_SYMBOL)
        if quantity <= 0 or quantity % listing.lot:
            raise Refused(Reason.LOT)
        level = self.prices.now(symbol)
        if quantity * (level.ask if is_buy else level.bid) < listing.min_notional:
            raise Refused(Reason.NOTIONAL)
        if self.refuses_duplicates and self._is_taken(client_id):
            raise Refused(Reason.DUPLICATE)
        if not self._affords(listing, is_buy=is_buy, quantity=quantity):
            raise Refused(Reason.FUNDS)

    def _is_taken(self, client_id: str) -> bool:
        known = self.newest(client_id)
        return known is not None and (known.is_open or self.rules.ids_are_taken_for_ever)

    def _affords(self, listing: Listing, *, is_buy: bool, quantity: Decimal) -> bool:
        if self.rules.shorts and listing.base == listing.symbol:
            return True
        if is_buy:
            return self.balances[listing.quote] >= quantity * self.prices.now(listing.symbol).ask
        return self.balances[listing.base] >= quantity

    def _accept(
        self, client_id: str, listing: Listing, *, is_buy: bool, quantity: Decimal, extra: Mapping[str, Any]
    ) -> SimulatedOrder:
        order = SimulatedOrder(
            number=len(self.orders) + 1,
            client_id=client_id,
            listing=listing,
            is_buy=is_buy,
            quantity=quantity,
            at=now_ms(),
            extra=extra,
        )
        self._ledger.add(
            "accepted",
            venue=self.rules.name,
            number=order.number,
            client_id=client_id,
            symbol=listing.symbol,
            is_buy=is_buy,
            quantity=str(quantity),
            at=order.at,
            extra=dict(extra),
        )
        self.orders.append(order)
        return order

    def _fill(self, order: SimulatedOrder, quantity: Decimal) -> None:
        lot = order.listing.lot
        quantity = (quantity / lot).to_integral_value(ROUND_DOWN) * lot
        if quantity <= 0:
            return
        level = self.prices.now(order.listing.symbol)
        price = level.ask if order.is_buy else level.bid
        received, asset = (quantity, order.listing.base) if order.is_buy else (quantity * price, order.listing.quote)
        self._fill_numbers += 1
        fill = SimulatedFill(
            fill_id=self._fill_numbers,
            quantity=quantity,
            price=price,
            fee=received * self.rules.fee_rate,
            fee_asset=self.rules.fee_asset or asset,
            at=now_ms(),
        )
        self._ledger.add(
            "filled",
            venue=self.rules.name,
            number=order.number,
            client_id=order.client_id,
            symbol=order.listing.symbol,
            is_buy=order.is_buy,
            fill_id=fill.fill_id,
            quantity=str(quantity),
            price=str(price),
            fee=str(fill.fee),
            fee_asset=fill.fee_asset,
            at=fill.at,
        )
        self._book(order, fill)

    def _book(self, order: SimulatedOrder, fill: SimulatedFill) -> None:
        order.fills.append(fill)
        sign = 1 if order.is_buy else -1
        self.balances[order.listing.base] += sign * fill.quantity
        self.balances[order.listing.quote] -= sign * fill.quantity * fill.price
        self.balances[fill.fee_asset] -= fill.fee

    def _replay(self, event: Event) -> None:
        match event["event"]:
            case "accepted":
                self.orders.append(_order_from(event, self.listings))
            case "filled":
                self._fill_numbers = max(self._fill_numbers, event["fill_id"])
                self._book(self.orders[event["number"] - 1], _fill_from(event))
            case "cancelled":
                self.orders[event["number"] - 1].is_cancelled = True
            case _:
                pass


def _order_from(event: Event, listings: Mapping[str, Listing]) -> SimulatedOrder:
    return SimulatedOrder(
        number=event["number"],
        client_id=event["client_id"],
        listing=listings[event["symbol"]],
        is_buy=event["is_buy"],
        quantity=Decimal(event["quantity"]),
        at=event["at"],
        extra=event["extra"],
    )


def _fill_from(event: Event) -> SimulatedFill:
    return SimulatedFill(
        fill_id=event["fill_id"],
        quantity=Decimal(event["quantity"]),
        price=Decimal(event["price"]),
        fee=Decimal(event["fee"]),
        fee_asset=event["fee_asset"],
        at=event["at"],
    )
