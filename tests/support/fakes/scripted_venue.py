"""A venue in this process whose behavior with the next order a test sets, and which remembers what it traded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain import fills
from domain.instruments import InstrumentTerms
from domain.ports import OrderReport, SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Intent, Order, OrderState
from tests.support.fakes.dying_workers import WorkerDied

Leg = tuple[UUID, Intent, int]
TRAITS = VenueTraits(finds_orders=True, settle_s=0, can_short=True)


class VenueBehavior(Enum):
    """Behavior of the venue, of the way to it or of the worker with the next order."""

    FILLS = "fills"
    FILLS_HALF = "fills half, and the rest never"
    REFUSES = "refuses"
    LOSES_ORDER = "loses the order"
    LOSES_ANSWER = "loses the answer"
    DELAYS_ORDER = "delays the order"
    WORKER_DIES_BEFORE = "its worker dies before it is sent"
    WORKER_DIES_AFTER = "its worker dies before the answer comes"


@dataclass(kw_only=True)
class ScriptedVenue:
    """Broker that trades each order it gets, even one it has already: only its callers can prevent duplicate trades.

    `meanwhile` is called while an order is about to be sent.
    """

    name: str = "scripted"
    account: str = ""
    traits: VenueTraits = TRAITS
    behavior: VenueBehavior = VenueBehavior.FILLS
    is_silent: bool = False
    meanwhile: Callable[[], None] = lambda: None
    sent: list[Order] = field(default_factory=list)
    taken: dict[str, list[OrderReport]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    delayed: list[Order] = field(default_factory=list)
    windows_ended: int = 0

    def terms(self, instrument: Instrument) -> InstrumentTerms | None:
        """Return None: the venue states nothing of its instruments."""
        return None

    def refusal(self, order: Order) -> str | None:
        """Return None: the venue takes every order."""
        return None

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Treat each order by the behavior, unless its send window ended while it waited to be sent."""
        return [self._submit_order(order) for order in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return the first report under each order's client order id; None where nothing was traded."""
        if self.is_silent:
            raise VenueUnavailable("silent")
        return [self._find_report(order.client_order_id) for order in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Cancel the rest of each order, and return its report."""
        reports_before = self.find(orders)
        self.cancelled |= {order.client_order_id for order in orders}
        return reports_before and self.find(orders)

    def positions(self) -> list[VenuePosition]:
        """Return no positions: no test of this fake reads them."""
        return []

    def end_windows(self) -> None:
        """Let delayed orders arrive at the last moment: none arrives after its send window."""
        arriving_orders, self.delayed = self.delayed, []
        for order in arriving_orders:
            self._trade(order)
        self.windows_ended += 1

    def traded(self) -> dict[str, Decimal]:
        """Return the quantity traded under each client order id."""
        return {name: sum((_quantity(report) for report in taken), Decimal(0)) for name, taken in self.taken.items()}

    def overtraded(self) -> list[Leg]:
        """Return the legs of which more was traded than their largest order, under all client order ids."""
        traded, requested = dict[Leg, Decimal](), dict[Leg, Decimal]()
        for report in (report for reports in self.taken.values() for report in reports):
            leg = report.order.trade_id, report.order.intent, report.order.leg
            traded[leg] = traded.get(leg, Decimal(0)) + _quantity(report)
            requested[leg] = max(requested.get(leg, Decimal(0)), report.order.quantity)
        return [leg for leg, quantity in traded.items() if quantity > requested[leg]]

    def _find_report(self, name: str) -> OrderReport | None:
        """Return the first report under a client order id, as cancelled where its rest was cancelled."""
        report = next(iter(self.taken.get(name, [])), None)
        if report is None or report.state is not OrderState.PARTIAL or name not in self.cancelled:
            return report
        return replace(report, state=OrderState.CANCELLED)

    def _submit_order(self, order: Order) -> OrderReport:
        before, behavior = self.windows_ended, self.behavior
        self.sent.append(order)
        self.meanwhile()
        if self.windows_ended > before:
            return OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail="not sent in its window")
        if behavior is VenueBehavior.WORKER_DIES_BEFORE:
            raise WorkerDied
        if behavior is VenueBehavior.REFUSES:
            return OrderReport(order=order, state=OrderState.REJECTED, detail="refused")
        if behavior is VenueBehavior.DELAYS_ORDER:
            self.delayed.append(order)
        if behavior in (VenueBehavior.LOSES_ORDER, VenueBehavior.DELAYS_ORDER):
            return OrderReport(order=order, state=OrderState.UNKNOWN, detail="no answer")
        report = self._trade(order, half=behavior is VenueBehavior.FILLS_HALF)
        if behavior is VenueBehavior.WORKER_DIES_AFTER:
            raise WorkerDied
        if behavior is VenueBehavior.LOSES_ANSWER:
            return OrderReport(order=order, state=OrderState.UNKNOWN, detail="no answer")
        return report

    def _trade(self, order: Order, *, half: bool = False) -> OrderReport:
        fill = fills.fill_order_by_model(order, model=fills.DEFAULT)
        assert fill is not None, "every quote of these tests has a price"
        fill = replace(fill, quantity=fill.quantity / 2) if half else fill
        state = OrderState.PARTIAL if half else OrderState.FILLED
        report = OrderReport(order=order, state=state, fills=(fill,), venue_order_id=order.client_order_id)
        self.taken.setdefault(order.client_order_id, []).append(report)
        return report


def _quantity(report: OrderReport) -> Decimal:
    return sum((fill.quantity for fill in report.fills), Decimal(0))
