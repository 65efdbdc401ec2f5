"""The paper venue: the fill model of the model trades behind the broker port, with a memory it can be asked from."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from domain import fills
from domain.fills import FillModel
from domain.ports import OrderReport, PaperLedger, SendWindow, VenuePosition, VenueTraits
from domain.signal import Instrument
from domain.trade import PAPER_VENUE, Fill, Order, OrderState

NO_QUOTE = "no_quote"


class PaperBroker:
    """Fills each order completely, once, on the quote the order carries; its model is the model trades' own."""

    name: str = PAPER_VENUE
    account: str = ""
    traits = VenueTraits(finds_orders=True, settle_s=0, can_short=True)

    def __init__(self, ledger: PaperLedger, model: FillModel) -> None:
        self._ledger = ledger
        self._model = model

    def lot(self, instrument: Instrument) -> Decimal | None:  # noqa: ARG002 - the same everywhere
        """Return None: paper has no steps of its own."""
        return None

    def refusal(self, order: Order) -> str | None:  # noqa: ARG002 - it takes every order
        """Return None: everything may be traded on paper."""
        return None

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:  # noqa: ARG002 - it never answers late
        """Fill the orders; one that is known already gets its first fills again, one without a price is rejected."""
        known = self._known(orders)
        new = {one.client_order_id: self._fill(one) for one in orders if one.client_order_id not in known}
        self._ledger.book([one for one in new.values() if one.state is OrderState.FILLED])
        return [(known | new)[one.client_order_id] for one in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return what became of each order, None for one that never arrived or was rejected."""
        known = self._known(orders)
        return [known.get(one.client_order_id) for one in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return what became of each order: nothing is ever left to cancel."""
        return self.find(orders)

    def positions(self) -> list[VenuePosition]:
        """Return nothing: what paper holds is what its fills say."""
        return []

    def _known(self, orders: Sequence[Order]) -> dict[str, OrderReport]:
        booked = self._ledger.find([one.client_order_id for one in orders])
        return {
            one.client_order_id: _filled(one, booked[one.client_order_id])
            for one in orders
            if one.client_order_id in booked
        }

    def _fill(self, order: Order) -> OrderReport:
        fill = fills.fill_order_by_model(order, model=self._model)
        if fill is None:
            return OrderReport(order=order, state=OrderState.REJECTED, detail=NO_QUOTE)
        return _filled(order, (fill,))


def _filled(order: Order, booked: tuple[Fill, ...]) -> OrderReport:
    return OrderReport(order=order, state=OrderState.FILLED, fills=booked)
