"""A venue in this process that does what a test says with the next order it gets, and remembers what it traded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain import fills
from domain.ports import OrderReport, SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Intent, Order, OrderState
from tests.support.fakes.dying_workers import WorkerDied

Leg = tuple[UUID, Intent, int]
TRAITS = VenueTraits(finds_orders=True, settle_s=0, can_short=True)


class Mood(Enum):
    """What becomes of an order on its way: nothing of it reaches the venue, or it does and the answer is lost, ..."""

    FILLS = "fills"
    FILLS_HALF = "fills half, and the rest never"
    REFUSES = "refuses"
    LOSES_ORDER = "loses the order"
    LOSES_ANSWER = "loses the answer"
    DELAYS_ORDER = "delays the order"
    WORKER_DIES_BEFORE = "its worker dies before it is sent"
    WORKER_DIES_AFTER = "its worker dies before the answer comes"


@dataclass(kw_only=True)
class FickleVenue:
    """Takes each order it gets, even one it has already: nothing but its clients' care keeps them from trading twice.

    `meanwhile` is what goes on elsewhere while an order is about to be sent.
    """

    name: str = "fickle"
    account: str = ""
    traits: VenueTraits = TRAITS
    mood: Mood = Mood.FILLS
    is_silent: bool = False
    meanwhile: Callable[[], None] = lambda: None
    sent: list[Order] = field(default_factory=list)
    taken: dict[str, list[OrderReport]] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    delayed: list[Order] = field(default_factory=list)
    windows_ended: int = 0

    def lot(self, instrument: Instrument) -> Decimal | None:
        """Return None: it trades any quantity."""
        return None

    def refusal(self, order: Order) -> str | None:
        """Return None: it may be asked for anything."""
        return None

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Do with each order what the mood says, unless its window ended while it waited to be sent."""
        return [self._submit(one) for one in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return what was traded first under each order's name."""
        if self.is_silent:
            raise VenueUnavailable("silent")
        return [self._shown(one.client_order_id) for one in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Give up what is left of each order, and return what was traded."""
        found = self.find(orders)
        self.cancelled |= {one.client_order_id for one in orders}
        return found and self.find(orders)

    def positions(self) -> list[VenuePosition]:
        """Return nothing: no rule of this test asks."""
        return []

    def end_windows(self) -> None:
        """Let what is delayed arrive, in the last moment: nothing arrives after its window."""
        arriving, self.delayed = self.delayed, []
        for one in arriving:
            self._take(one)
        self.windows_ended += 1

    def traded(self) -> dict[str, Decimal]:
        """Return the quantity traded under each name."""
        return {name: sum((_quantity(one) for one in taken), Decimal(0)) for name, taken in self.taken.items()}

    def overtraded(self) -> list[Leg]:
        """Return the legs of which more was traded than was first asked for, whatever the names."""
        traded, asked = dict[Leg, Decimal](), dict[Leg, Decimal]()
        for report in (report for taken in self.taken.values() for report in taken):
            leg = report.order.trade_id, report.order.intent, report.order.leg
            traded[leg] = traded.get(leg, Decimal(0)) + _quantity(report)
            asked[leg] = max(asked.get(leg, Decimal(0)), report.order.quantity)
        return [leg for leg, quantity in traded.items() if quantity > asked[leg]]

    def _shown(self, name: str) -> OrderReport | None:
        """Return the first that was traded under a name; the rest of it is cancelled once it was asked for that."""
        found = next(iter(self.taken.get(name, [])), None)
        if found is None or found.state is not OrderState.PARTIAL or name not in self.cancelled:
            return found
        return replace(found, state=OrderState.CANCELLED)

    def _submit(self, order: Order) -> OrderReport:
        before, mood = self.windows_ended, self.mood
        self.sent.append(order)
        self.meanwhile()
        if self.windows_ended > before:
            return OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail="not sent in its window")
        if mood is Mood.WORKER_DIES_BEFORE:
            raise WorkerDied
        if mood is Mood.REFUSES:
            return OrderReport(order=order, state=OrderState.REJECTED, detail="refused")
        if mood is Mood.DELAYS_ORDER:
            self.delayed.append(order)
        if mood in (Mood.LOSES_ORDER, Mood.DELAYS_ORDER):
            return OrderReport(order=order, state=OrderState.UNKNOWN, detail="no answer")
        report = self._take(order, half=mood is Mood.FILLS_HALF)
        if mood is Mood.WORKER_DIES_AFTER:
            raise WorkerDied
        if mood is Mood.LOSES_ANSWER:
            return OrderReport(order=order, state=OrderState.UNKNOWN, detail="no answer")
        return report

    def _take(self, order: Order, *, half: bool = False) -> OrderReport:
        fill = fills.fill_order_by_model(order, model=fills.DEFAULT)
        assert fill is not None, "every quote of these tests has a price"
        fill = replace(fill, quantity=fill.quantity / 2) if half else fill
        state = OrderState.PARTIAL if half else OrderState.FILLED
        report = OrderReport(order=order, state=state, fills=(fill,), venue_order_id=order.client_order_id)
        self.taken.setdefault(order.client_order_id, []).append(report)
        return report


def _quantity(report: OrderReport) -> Decimal:
    return sum((one.quantity for one in report.fills), Decimal(0))
