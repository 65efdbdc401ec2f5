"""Orders and fills of the simulator, the reasons for which an order is refused, and their events in the ledger."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from simulator.catalogue import ListedInstrument
from simulator.ledger import LedgerEvent


class RefusalReason(Enum):
    """Reason for which an order is refused."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    LOT = "lot"
    NOTIONAL = "notional"
    FUNDS = "funds"
    DUPLICATE = "duplicate"
    LATE = "late"


class OrderRefused(Exception):
    """The venue does not accept the order."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FillPlan:
    """Share of an order that fills at once, and the seconds after which the rest fills (None: not by itself)."""

    fraction: Decimal = Decimal(1)
    rest_s: float | None = None


FILL_AT_ONCE = FillPlan()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedFill:
    """One execution; the fee is in units of `fee_asset`, `at` in milliseconds of Unix time."""

    fill_id: int
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: int


@dataclass(slots=True, kw_only=True)
class SimulatedOrder:
    """An order in the simulator; only fills and a cancellation change it. `at` is in milliseconds of Unix time."""

    number: int
    client_id: str
    instrument: ListedInstrument
    is_buy: bool
    quantity: Decimal
    at: int
    fills: list[SimulatedFill] = field(default_factory=list)
    is_cancelled: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filled(self) -> Decimal:
        """Quantity executed so far."""
        return sum((fill.quantity for fill in self.fills), Decimal(0))

    @property
    def cost(self) -> Decimal:
        """Amount paid or received so far, in the quote currency."""
        return sum((fill.quantity * fill.price for fill in self.fills), Decimal(0))

    @property
    def is_open(self) -> bool:
        """True while the order can still fill."""
        return not self.is_cancelled and self.filled < self.quantity


def now_ms() -> int:
    """Return Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def parse_order_event(event: LedgerEvent, instruments: Mapping[str, ListedInstrument]) -> SimulatedOrder:
    """Build an order from its `accepted` event in the ledger."""
    return SimulatedOrder(
        number=event["number"],
        client_id=event["client_id"],
        instrument=instruments[event["symbol"]],
        is_buy=event["is_buy"],
        quantity=Decimal(event["quantity"]),
        at=event["at"],
        extra=event["extra"],
    )


def parse_fill_event(event: LedgerEvent) -> SimulatedFill:
    """Build a fill from its `filled` event in the ledger."""
    return SimulatedFill(
        fill_id=event["fill_id"],
        quantity=Decimal(event["quantity"]),
        price=Decimal(event["price"]),
        fee=Decimal(event["fee"]),
        fee_asset=event["fee_asset"],
        at=event["at"],
    )
