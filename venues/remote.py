"""Broker over a venue on a network: each order is sent once, and any uncertain result is reported as unknown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from domain.instruments import InstrumentTerms
from domain.ports import OrderReport, SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order, OrderState
from venues import rules
from venues.error_responses import ErrorResponse, InvalidRequest, RequestNotSent, VenueAnswer
from venues.rules import VenueRules
from venues.venue_order import Execution, VenueListing, VenueOrder, build_report

WINDOW_CLOSED = "its send window ended before it was sent"


class VenueAdapter(Protocol):
    """The calls to one venue's API. All but `send` may retry, and raise VenueUnavailable when they get no answer."""

    name: str
    traits: VenueTraits

    def find_rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's trading rules; None when the venue does not list it."""
        ...

    def find_listing(self, instrument: Instrument) -> VenueListing | None:
        """Return the instrument as the venue lists it; None when it does not."""
        ...

    def load_prerequisites(self) -> None:
        """Load everything that sending an order needs, so that sending itself is one request."""
        ...

    def send(self, order: Order, listing: VenueListing, *, window: SendWindow) -> VenueOrder:
        """Send an order in exactly one request.

        Raises:
            RequestNotSent: when nothing left this process.
            InvalidRequest: when the client library refused to send it, and always would.
            ErrorResponse: when the venue answered with an error.
            Exception: anything else; the order may have arrived.
        """
        ...

    def classify_error(self, response: ErrorResponse) -> VenueAnswer:
        """Return what an error response means for the order it answers."""
        ...

    def find(self, order: Order, listing: VenueListing) -> VenueOrder | None:
        """Look an order up by its client id among open and closed ones; None when it certainly does not exist."""
        ...

    def list_executions(self, venue_order: VenueOrder, listing: VenueListing) -> Sequence[Execution]:
        """Return the executions of an order so far."""
        ...

    def cancel(self, order: Order, listing: VenueListing) -> None:
        """Request the cancellation of an order; one that is not open is no error."""
        ...

    def list_positions(self) -> list[VenuePosition]:
        """Return the account's non-zero positions by our symbols."""
        ...


class RemoteBroker:
    """Broker for real orders, over the adapter of one venue."""

    def __init__(self, adapter: VenueAdapter, *, account: str = "") -> None:
        self._adapter = adapter
        self.name = adapter.name
        self.account = account
        self.traits = adapter.traits

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's trading rules; None when the venue does not list it.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        return self._adapter.find_rules(instrument)

    def terms(self, instrument: Instrument) -> InstrumentTerms | None:
        """Return the currency, steps and calendar of an instrument; None when the venue does not list it.

        What these venues list is bought and sold by its units, so that the multiplier is 1.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        venue_rules, listing = self._adapter.find_rules(instrument), self._adapter.find_listing(instrument)
        if venue_rules is None or listing is None:
            return None
        return InstrumentTerms(
            currency=listing.quote,
            multiplier=Decimal(1),
            tick=venue_rules.tick,
            lot=venue_rules.lot,
            min_notional=venue_rules.min_notional,
            calendar=venue_rules.calendar,
            base=listing.base,
        )

    def refusal(self, order: Order) -> str | None:
        """Return the rule by which the venue can never take the order; None when there is none, or no answer."""
        try:
            self._adapter.load_prerequisites()
            venue_rules = self._adapter.find_rules(order.quote.instrument)
        except VenueUnavailable:
            return None
        return rules.UNKNOWN_SYMBOL if venue_rules is None else rules.find_refusal(venue_rules, order)

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Send each order once, one after the other, as long as the send window is open."""
        return [self._submit(order, window=window) for order in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Look each order up at the venue; one that differs from ours is reported for manual review.

        Raises:
            VenueUnavailable: when the venue does not answer, or cannot look orders up.
        """
        return [self._look_up(order) for order in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Request the cancellation of each order, then look it up.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        for order in orders:
            self._adapter.cancel(order, self._require_listing(order))
        return self.find(orders)

    def positions(self) -> list[VenuePosition]:
        """Return the account's non-zero positions.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        return self._adapter.list_positions()

    def _submit(self, order: Order, *, window: SendWindow) -> OrderReport:
        """Send one order, unless the venue is unavailable or the send window has closed."""
        try:
            self._adapter.load_prerequisites()
            listing = self._require_listing(order)
        except VenueUnavailable as error:
            return _report_not_sent(order, f"not sent: {error}")
        if time.monotonic() >= window.deadline:
            return _report_not_sent(order, WINDOW_CLOSED)
        return self._send(order, listing, window=window)

    def _send(self, order: Order, listing: VenueListing, *, window: SendWindow) -> OrderReport:
        """Send one order and report the result; anything that does not prove the contrary is unknown."""
        try:
            venue_order = self._adapter.send(order, listing, window=window)
        except RequestNotSent as error:
            return _report_not_sent(order, str(error))
        except InvalidRequest as error:
            return OrderReport(order=order, state=OrderState.REJECTED, detail=str(error))
        except ErrorResponse as response:
            return self._report_error(order, response)
        except Exception as error:  # noqa: BLE001 - whatever happened, the order may have arrived
            return OrderReport(order=order, state=OrderState.UNKNOWN, detail=f"{type(error).__name__}: {error}")
        return self._report_accepted(order, venue_order, listing)

    def _report_error(self, order: Order, response: ErrorResponse) -> OrderReport:
        """Report an order that the venue answered with an error."""
        match self._adapter.classify_error(response):
            case VenueAnswer.REJECTED:
                return OrderReport(order=order, state=OrderState.REJECTED, detail=str(response))
            case VenueAnswer.NOT_TAKEN:
                return _report_not_sent(order, str(response))
            case VenueAnswer.DUPLICATE:
                return self._report_duplicate(order, response)
            case VenueAnswer.UNKNOWN:
                return OrderReport(order=order, state=OrderState.UNKNOWN, detail=str(response))

    def _report_duplicate(self, order: Order, response: ErrorResponse) -> OrderReport:
        """Report the order that the venue holds under our id, after it answered that the id is a duplicate."""
        try:
            report = self._look_up(order)
        except VenueUnavailable as error:
            report = OrderReport(order=order, state=OrderState.UNKNOWN, detail=f"{response}; {error}")
        return report or OrderReport(order=order, state=OrderState.UNKNOWN, detail=f"{response}; it was not found")

    def _report_accepted(self, order: Order, venue_order: VenueOrder, listing: VenueListing) -> OrderReport:
        """Report an order that the venue took, with its fills as far as they can be read."""
        try:
            return self._build_report(order, venue_order, listing)
        except VenueUnavailable as error:
            report = build_report(order, venue_order, listing=listing, executions=())
            return replace(report, detail=report.detail or f"its fills could not be read: {error}")

    def _look_up(self, order: Order) -> OrderReport | None:
        """Look one order up by its client id and report it; None when the venue has no such order."""
        if not self.traits.finds_orders:
            raise VenueUnavailable(f"{self.name} cannot look up an order by its client id")
        listing = self._require_listing(order)
        venue_order = self._adapter.find(order, listing)
        return None if venue_order is None else self._build_report(order, venue_order, listing)

    def _build_report(self, order: Order, venue_order: VenueOrder, listing: VenueListing) -> OrderReport:
        """Build an order's report, reading its executions where the venue's answer did not include them."""
        executions = venue_order.executions
        if executions is None:
            executions = tuple(self._adapter.list_executions(venue_order, listing)) if venue_order.filled else ()
        return build_report(order, venue_order, listing=listing, executions=executions)

    def _require_listing(self, order: Order) -> VenueListing:
        """Return the listing of the order's instrument; raise VenueUnavailable when the venue has none."""
        listing = self._adapter.find_listing(order.quote.instrument)
        if listing is None:
            raise VenueUnavailable(f"{self.name} does not list {order.quote.instrument.symbol}")
        return listing


def _report_not_sent(order: Order, detail: str) -> OrderReport:
    """Report that an order was not sent, and so may be sent again."""
    return OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail=detail)
