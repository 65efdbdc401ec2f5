"""The paper venue: a broker that fills orders by the model trades' fill model and remembers its fills in a ledger."""

from __future__ import annotations

from collections.abc import Sequence

from domain import fills
from domain.fills import FillModel
from domain.instruments import InstrumentTerms
from domain.ports import OrderReport, PaperLedger, SendWindow, VenuePosition, VenueTraits
from domain.signal import Instrument
from domain.trade import Fill, Order, OrderState

NAME = "paper"
NO_QUOTE = "no_quote"


class PaperBroker:
    """Broker that fills each order completely, once, on the quote that the order carries."""

    name: str = NAME
    account: str = ""
    traits = VenueTraits(finds_orders=True, settle_s=0, can_short=True)

    def __init__(self, ledger: PaperLedger, model: FillModel) -> None:
        self._ledger = ledger
        self._model = model

    def terms(self, instrument: Instrument) -> InstrumentTerms | None:  # noqa: ARG002 - the same for every instrument
        """Return None: the paper venue states nothing of its instruments."""
        return None

    def refusal(self, order: Order) -> str | None:  # noqa: ARG002 - it takes every order
        """Return None: the paper venue takes every order."""
        return None

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:  # noqa: ARG002 - it never answers late
        """Fill the orders; a known order is reported with its first fills again, one without a price is rejected."""
        known_reports = self._find_known_reports(orders)
        new_reports = {
            order.client_order_id: self._fill_order(order)
            for order in orders
            if order.client_order_id not in known_reports
        }
        self._ledger.book([report for report in new_reports.values() if report.state is OrderState.FILLED])
        return [(known_reports | new_reports)[order.client_order_id] for order in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return the report of each order; None for one that never arrived or was rejected."""
        known_reports = self._find_known_reports(orders)
        return [known_reports.get(order.client_order_id) for order in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Return the report of each order: nothing is ever left to cancel."""
        return self.find(orders)

    def positions(self) -> list[VenuePosition]:
        """Return no positions: they follow from the stored fills alone."""
        return []

    def _find_known_reports(self, orders: Sequence[Order]) -> dict[str, OrderReport]:
        """Return the reports of the orders that were filled before, by client order id."""
        booked_fills = self._ledger.find([order.client_order_id for order in orders])
        return {
            order.client_order_id: _build_filled_report(order, booked_fills[order.client_order_id])
            for order in orders
            if order.client_order_id in booked_fills
        }

    def _fill_order(self, order: Order) -> OrderReport:
        """Fill an order by the fill model; without a price it is rejected."""
        fill = fills.fill_order_by_model(order, model=self._model)
        if fill is None:
            return OrderReport(order=order, state=OrderState.REJECTED, detail=NO_QUOTE)
        return _build_filled_report(order, (fill,))


def _build_filled_report(order: Order, order_fills: tuple[Fill, ...]) -> OrderReport:
    return OrderReport(order=order, state=OrderState.FILLED, fills=order_fills)
