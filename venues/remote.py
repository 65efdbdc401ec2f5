"""The broker port over a venue on a network: every order is sent once, and what is not certain is unknown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from domain.ports import OrderReport, SendWindow, VenuePosition, VenueTraits, VenueUnavailable
from domain.signal import Instrument
from domain.trade import Order, OrderState
from venues import rules, venue_order
from venues.answers import Answered, Impossible, NotSent, Outcome
from venues.rules import VenueRules
from venues.venue_order import Execution, HeldOrder, Listed

CLOSED = "its window was over before it was sent"


class Desk(Protocol):
    """One venue's dialect. All but `send` may ask several times; what stays unanswered raises VenueUnavailable."""

    name: str
    traits: VenueTraits

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return an instrument's rules; None when the venue does not list it."""
        ...

    def listed(self, instrument: Instrument) -> Listed | None:
        """Return an instrument's names at the venue; None when it does not list it."""
        ...

    def prepare(self) -> None:
        """Read what sending needs to know, so that sending is one request."""
        ...

    def send(self, order: Order, listed: Listed, *, window: SendWindow) -> HeldOrder:
        """Send an order in exactly one request.

        Raises:
            NotSent: when nothing left this process.
            Impossible: when nothing left this process, and never will.
            Answered: when the venue answered with an error.
            Exception: anything else; the order may have arrived.
        """
        ...

    def outcome(self, answer: Answered) -> Outcome:
        """Say what an error means for the order it answers."""
        ...

    def find(self, order: Order, listed: Listed) -> HeldOrder | None:
        """Look an order up by its client id among open and ended ones; None when it is certainly in none."""
        ...

    def executions(self, held: HeldOrder, listed: Listed) -> Sequence[Execution]:
        """Return the trades of an order that are known so far."""
        ...

    def cancel(self, order: Order, listed: Listed) -> None:
        """Ask to cancel what is left of an order; one that is not open is no error."""
        ...

    def positions(self) -> list[VenuePosition]:
        """Return what the account holds by our symbols, without what is zero."""
        ...


class RemoteBroker:
    """A venue behind the broker port."""

    def __init__(self, desk: Desk, *, account: str = "") -> None:
        self._desk = desk
        self.name = desk.name
        self.account = account
        self.traits = desk.traits

    def rules(self, instrument: Instrument) -> VenueRules | None:
        """Return what the venue allows for an instrument; None when it does not list it.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        return self._desk.rules(instrument)

    def lot(self, instrument: Instrument) -> Decimal | None:
        """Return the step of quantity that the venue asks for, None where it says none.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        known = self._desk.rules(instrument)
        return None if known is None else known.lot

    def refusal(self, order: Order) -> str | None:
        """Say why the venue can never take the order, or None; while the venue is silent nothing is impossible."""
        try:
            self._desk.prepare()
            known = self._desk.rules(order.quote.instrument)
        except VenueUnavailable:
            return None
        return rules.UNKNOWN_SYMBOL if known is None else rules.refusal(known, order)

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Send each order once, in order, as long as the window is open."""
        return [self._submit(one, window=window) for one in orders]

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Look each order up; one that is not what we meant goes to a person.

        Raises:
            VenueUnavailable: when the venue does not answer, or cannot be asked about orders.
        """
        return [self._found(one) for one in orders]

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Ask to cancel what is left of each order, then look it up.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        for one in orders:
            self._desk.cancel(one, self._listed(one))
        return self.find(orders)

    def positions(self) -> list[VenuePosition]:
        """Return what the account holds, without what is zero.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        return self._desk.positions()

    def _submit(self, order: Order, *, window: SendWindow) -> OrderReport:
        try:
            self._desk.prepare()
            listed = self._listed(order)
        except VenueUnavailable as error:
            return _not_sent(order, f"not sent: {error}")
        if time.monotonic() >= window.deadline:
            return _not_sent(order, CLOSED)
        return self._sent(order, listed, window=window)

    def _sent(self, order: Order, listed: Listed, *, window: SendWindow) -> OrderReport:
        try:
            taken = self._desk.send(order, listed, window=window)
        except NotSent as error:
            return _not_sent(order, str(error))
        except Impossible as error:
            return OrderReport(order=order, state=OrderState.REJECTED, detail=str(error))
        except Answered as answer:
            return self._answered(order, answer)
        except Exception as error:  # noqa: BLE001 - whatever happened, the order may have arrived
            return OrderReport(order=order, state=OrderState.UNKNOWN, detail=f"{type(error).__name__}: {error}")
        return self._taken(order, taken, listed)

    def _answered(self, order: Order, answer: Answered) -> OrderReport:
        match self._desk.outcome(answer):
            case Outcome.REJECTED:
                return OrderReport(order=order, state=OrderState.REJECTED, detail=str(answer))
            case Outcome.NOT_TAKEN:
                return _not_sent(order, str(answer))
            case Outcome.DUPLICATE:
                return self._adopted(order, answer)
            case Outcome.UNKNOWN:
                return OrderReport(order=order, state=OrderState.UNKNOWN, detail=str(answer))

    def _adopted(self, order: Order, answer: Answered) -> OrderReport:
        """Report the order that made ours a duplicate, when it is the one we meant."""
        try:
            found = self._found(order)
        except VenueUnavailable as error:
            found = OrderReport(order=order, state=OrderState.UNKNOWN, detail=f"{answer}; {error}")
        return found or OrderReport(order=order, state=OrderState.UNKNOWN, detail=f"{answer}; it was not found")

    def _taken(self, order: Order, taken: HeldOrder, listed: Listed) -> OrderReport:
        try:
            return self._reported(order, taken, listed)
        except VenueUnavailable as error:
            bare = venue_order.report(order, taken, listed=listed, executions=())
            return replace(bare, detail=bare.detail or f"its fills could not be read: {error}")

    def _found(self, order: Order) -> OrderReport | None:
        if not self.traits.finds_orders:
            raise VenueUnavailable(f"{self.name} cannot be asked for an order by its client id")
        listed = self._listed(order)
        found = self._desk.find(order, listed)
        return None if found is None else self._reported(order, found, listed)

    def _reported(self, order: Order, found: HeldOrder, listed: Listed) -> OrderReport:
        executions = found.executions
        if executions is None:
            executions = tuple(self._desk.executions(found, listed)) if found.filled else ()
        return venue_order.report(order, found, listed=listed, executions=executions)

    def _listed(self, order: Order) -> Listed:
        listed = self._desk.listed(order.quote.instrument)
        if listed is None:
            raise VenueUnavailable(f"{self.name} does not list {order.quote.instrument.symbol}")
        return listed


def _not_sent(order: Order, detail: str) -> OrderReport:
    return OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail=detail)
