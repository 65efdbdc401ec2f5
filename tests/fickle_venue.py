"""A venue in this process that does what a test says with the next order it gets, and remembers what it traded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain import fills
from domain.ports import Position, Report, VenueTraits, VenueUnavailable, Window
from domain.signal import Instrument
from domain.trade import Intent, Order, OrderState
from tests.mortal import WorkerDied

TRAITS = VenueTraits(finds_orders=True, settle_s=0, can_short=True)


class Mood(Enum):
    """What becomes of an order on its way: nothing of it reaches the venue, or it does and the answer is lost, ..."""

    FILLS = "fills"
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
    taken: dict[str, list[Report]] = field(default_factory=dict)
    delayed: list[Order] = field(default_factory=list)
    windows_ended: int = 0

    def lot(self, instrument: Instrument) -> Decimal | None:
        """Return None: it trades any quantity."""
        return None

    def refusal(self, order: Order) -> str | None:
        """Return None: it may be asked for anything."""
        return None

    def submit(self, orders: Sequence[Order], *, window: Window) -> list[Report]:
        """Do with each order what the mood says, unless its window ended while it waited to be sent."""
        return [self._submit(one) for one in orders]

    def find(self, orders: Sequence[Order]) -> list[Report | None]:
        """Return what was traded first under each order's name."""
        if self.is_silent:
            raise VenueUnavailable("silent")
        return [next(iter(self.taken.get(one.client_order_id, [])), None) for one in orders]

    def cancel(self, orders: Sequence[Order]) -> list[Report | None]:
        """Return what was traded: nothing is ever left to cancel."""
        return self.find(orders)

    def positions(self) -> list[Position]:
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

    def legs_traded(self) -> dict[tuple[UUID, Intent, int], int]:
        """Return how often each leg of each trade was traded, whatever the name."""
        counted = dict[tuple[UUID, Intent, int], int]()
        for one in (report.order for taken in self.taken.values() for report in taken):
            leg = one.trade_id, one.intent, one.leg
            counted[leg] = counted.get(leg, 0) + 1
        return counted

    def _submit(self, order: Order) -> Report:
        before, mood = self.windows_ended, self.mood
        self.sent.append(order)
        self.meanwhile()
        if self.windows_ended > before:
            return Report(order=order, state=OrderState.RESUBMIT_OK, detail="not sent in its window")
        if mood is Mood.WORKER_DIES_BEFORE:
            raise WorkerDied
        if mood is Mood.REFUSES:
            return Report(order=order, state=OrderState.REJECTED, detail="refused")
        if mood is Mood.DELAYS_ORDER:
            self.delayed.append(order)
        if mood in (Mood.LOSES_ORDER, Mood.DELAYS_ORDER):
            return Report(order=order, state=OrderState.UNKNOWN, detail="no answer")
        report = self._take(order)
        if mood is Mood.WORKER_DIES_AFTER:
            raise WorkerDied
        if mood is Mood.LOSES_ANSWER:
            return Report(order=order, state=OrderState.UNKNOWN, detail="no answer")
        return report

    def _take(self, order: Order) -> Report:
        fill = fills.modelled_fill(order, model=fills.DEFAULT)
        assert fill is not None, "every quote of these tests has a price"
        report = Report(order=order, state=OrderState.FILLED, fills=(fill,), venue_order_id=order.client_order_id)
        self.taken.setdefault(order.client_order_id, []).append(report)
        return report


def _quantity(report: Report) -> Decimal:
    return sum((one.quantity for one in report.fills), Decimal(0))
