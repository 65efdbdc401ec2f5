"""An account at the simulator: its orders, fills and balances, each written to the ledger before it can be seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from threading import RLock
from typing import Any

from simulator.catalogue import ListedInstrument
from simulator.ledger import LedgerEvent, LedgerFile
from simulator.orders import (
    FillPlan,
    OrderRefused,
    RefusalReason,
    SimulatedFill,
    SimulatedOrder,
    now_ms,
    parse_fill_event,
    parse_order_event,
)
from simulator.prices import PriceBoard


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """A venue's rules: whether client ids stay taken after their order, short sales, and the fee rate on proceeds."""

    name: str
    client_ids_stay_taken: bool
    allows_shorts: bool
    fee_rate: Decimal
    fee_asset: str | None = None


class SimulatedAccount:
    """One account at the simulator: thread-safe, rebuilt from the ledger after a restart."""

    def __init__(
        self,
        rules: AccountRules,
        *,
        instruments: Mapping[str, ListedInstrument],
        prices: PriceBoard,
        ledger: LedgerFile,
        balances: Mapping[str, Decimal],
    ) -> None:
        self.rules, self.instruments, self.prices = rules, instruments, prices
        self.refuses_duplicates = True
        self.balances: defaultdict[str, Decimal] = defaultdict(Decimal, balances)
        self.orders: list[SimulatedOrder] = []
        self.lock = RLock()
        self._ledger = ledger
        self._last_fill_id = 0
        for event in ledger.replayed:
            if event.get("venue") == rules.name:
                self._replay_event(event)

    def submit(
        self, client_id: str, symbol: str, *, is_buy: bool, quantity: Decimal, plan: FillPlan, **extra: Any
    ) -> SimulatedOrder:
        """Accept an order and fill it by a plan.

        Raises:
            OrderRefused: when the venue's rules do not allow it.
        """
        with self.lock:
            try:
                self._check_order(client_id, symbol, is_buy=is_buy, quantity=quantity)
            except OrderRefused as refused:
                self.record_refusal(client_id, refused.reason)
                raise
            order = self._accept_order(
                client_id, self.instruments[symbol], is_buy=is_buy, quantity=quantity, extra=extra
            )
            self._fill_order(order, order.quantity * plan.fraction)
            return order

    def fill_remainder(self, client_id: str) -> None:
        """Fill the remaining quantity of the newest order with this client id, if it is open."""
        with self.lock:
            order = self.find_newest(client_id)
            if order is not None and order.is_open:
                self._fill_order(order, order.quantity - order.filled)

    def cancel(self, order: SimulatedOrder) -> bool:
        """Cancel the remaining quantity; return False when the order is not open."""
        with self.lock:
            if not order.is_open:
                return False
            self._ledger.append("cancelled", venue=self.rules.name, number=order.number, client_id=order.client_id)
            order.is_cancelled = True
            return True

    def find_newest(self, client_id: str) -> SimulatedOrder | None:
        """Return the last order accepted with a client id; None when there is none."""
        return next((order for order in reversed(self.orders) if order.client_id == client_id), None)

    def find_by_number(self, number: int) -> SimulatedOrder | None:
        """Return the order with the venue's own number; None when there is none."""
        return next((order for order in self.orders if order.number == number), None)

    def sum_positions(self) -> dict[str, Decimal]:
        """Return the non-zero positions by symbol: the sum of all fills."""
        totals: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in self.orders:
            totals[order.instrument.symbol] += order.filled if order.is_buy else -order.filled
        return {symbol: total for symbol, total in totals.items() if total}

    def record_refusal(self, client_id: str, reason: RefusalReason) -> None:
        """Write the refusal of an order to the ledger."""
        self._ledger.append("refused", venue=self.rules.name, client_id=client_id, reason=reason.value, at=now_ms())

    def _check_order(self, client_id: str, symbol: str, *, is_buy: bool, quantity: Decimal) -> None:
        """Raise OrderRefused when a rule of the venue forbids the order."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            raise OrderRefused(RefusalReason.UNKNOWN_SYMBOL)
        if quantity <= 0 or quantity % instrument.lot:
            raise OrderRefused(RefusalReason.LOT)
        level = self.prices.current(symbol)
        if quantity * (level.ask if is_buy else level.bid) < instrument.min_notional:
            raise OrderRefused(RefusalReason.NOTIONAL)
        if self.refuses_duplicates and self._is_client_id_taken(client_id):
            raise OrderRefused(RefusalReason.DUPLICATE)
        if not self._can_afford(instrument, is_buy=is_buy, quantity=quantity):
            raise OrderRefused(RefusalReason.FUNDS)

    def _is_client_id_taken(self, client_id: str) -> bool:
        """Return whether a client id cannot be used: by an open order, or for good where the venue says so."""
        known = self.find_newest(client_id)
        return known is not None and (known.is_open or self.rules.client_ids_stay_taken)

    def _can_afford(self, instrument: ListedInstrument, *, is_buy: bool, quantity: Decimal) -> bool:
        """Return whether the balances cover an order; stocks (base equal to symbol) may be sold short where allowed."""
        if self.rules.allows_shorts and instrument.base == instrument.symbol:
            return True
        if is_buy:
            return self.balances[instrument.quote] >= quantity * self.prices.current(instrument.symbol).ask
        return self.balances[instrument.base] >= quantity

    def _accept_order(
        self, client_id: str, instrument: ListedInstrument, *, is_buy: bool, quantity: Decimal, extra: Mapping[str, Any]
    ) -> SimulatedOrder:
        """Record a new order in the ledger and add it to the account."""
        order = SimulatedOrder(
            number=len(self.orders) + 1,
            client_id=client_id,
            instrument=instrument,
            is_buy=is_buy,
            quantity=quantity,
            at=now_ms(),
            extra=extra,
        )
        self._ledger.append(
            "accepted",
            venue=self.rules.name,
            number=order.number,
            client_id=client_id,
            symbol=instrument.symbol,
            is_buy=is_buy,
            quantity=str(quantity),
            at=order.at,
            extra=dict(extra),
        )
        self.orders.append(order)
        return order

    def _fill_order(self, order: SimulatedOrder, quantity: Decimal) -> None:
        """Execute a quantity, rounded down to the lot, at the present price; the ledger has it before the account."""
        lot = order.instrument.lot
        quantity = (quantity / lot).to_integral_value(ROUND_DOWN) * lot
        if quantity <= 0:
            return
        fill = self._build_fill(order, quantity)
        self._ledger.append(
            "filled",
            venue=self.rules.name,
            number=order.number,
            client_id=order.client_id,
            symbol=order.instrument.symbol,
            is_buy=order.is_buy,
            fill_id=fill.fill_id,
            quantity=str(fill.quantity),
            price=str(fill.price),
            fee=str(fill.fee),
            fee_asset=fill.fee_asset,
            at=fill.at,
        )
        self._apply_fill(order, fill)

    def _build_fill(self, order: SimulatedOrder, quantity: Decimal) -> SimulatedFill:
        """Build the next fill at the present best price, with the fee on what is received."""
        level, instrument = self.prices.current(order.instrument.symbol), order.instrument
        price = level.ask if order.is_buy else level.bid
        received, asset = (quantity, instrument.base) if order.is_buy else (quantity * price, instrument.quote)
        self._last_fill_id += 1
        return SimulatedFill(
            fill_id=self._last_fill_id,
            quantity=quantity,
            price=price,
            fee=received * self.rules.fee_rate,
            fee_asset=self.rules.fee_asset or asset,
            at=now_ms(),
        )

    def _apply_fill(self, order: SimulatedOrder, fill: SimulatedFill) -> None:
        """Add a fill to its order and to the balances."""
        order.fills.append(fill)
        sign = 1 if order.is_buy else -1
        self.balances[order.instrument.base] += sign * fill.quantity
        self.balances[order.instrument.quote] -= sign * fill.quantity * fill.price
        self.balances[fill.fee_asset] -= fill.fee

    def _replay_event(self, event: LedgerEvent) -> None:
        """Apply one event of the ledger file, as it was before a restart."""
        match event["event"]:
            case "accepted":
                self.orders.append(parse_order_event(event, self.instruments))
            case "filled":
                self._last_fill_id = max(self._last_fill_id, event["fill_id"])
                self._apply_fill(self.orders[event["number"] - 1], parse_fill_event(event))
            case "cancelled":
                self.orders[event["number"] - 1].is_cancelled = True
            case _:
                pass
