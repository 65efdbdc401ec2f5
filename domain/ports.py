"""What the core asks of the world: protocols that venues, engines and the database implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from domain.context import Bar, BarSeries, MarketContext, MarketView, PriceSide
from domain.decision import Decision, EngineAnswer, EngineSlot
from domain.intervals import Interval
from domain.signal import Instrument, Signal
from domain.trade import Fill, Order, OrderState


class BookClock(Protocol):
    """Tells a book's time."""

    def now(self, book: str) -> datetime:
        """Return the present moment on the book's clock, aware UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One stored bar series of a book: what it is about, how long its bars last, which price they record."""

    book: str
    instrument: Instrument
    interval: Interval
    side: PriceSide


class BarStore(Protocol):
    """The bars a book has seen; all methods see only bars that are stored, never a network."""

    def feeds(self, book: str, instrument: Instrument) -> Sequence[Feed]:
        """List the series stored for an instrument, finest interval first.

        Where the exact exchange and kind have no series, those of the same symbol with an empty exchange match.
        """
        ...

    def last_closed(self, feed: Feed, *, as_of: datetime, count: int) -> Sequence[Bar]:
        """Return up to `count` newest bars that closed at or before `as_of`, oldest first."""
        ...

    def covering(self, feed: Feed, *, at: datetime) -> Bar | None:
        """Return the bar with open_time <= at < its end, or None. Only its open may be used at `at`."""
        ...

    def closed_between(self, feed: Feed, *, after: datetime, until: datetime) -> Sequence[Bar]:
        """Return bars whose end is in (after, until], oldest first."""
        ...

    def count_closed(self, feed: Feed, *, after: datetime, until: datetime) -> int:
        """Count the bars whose end is in (after, until]; bars are added, never changed or taken away."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRequest:
    """What a stage wants to know about one signal's market at `as_of`."""

    signal: Signal
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkBars:
    """The bars exits are walked on: one series per known price side, same interval, closed after a given time."""

    series: tuple[BarSeries, ...]


class MarketData(Protocol):
    """A provider of market views and of the bars exits walk. Called with no transaction open."""

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer each request in order; what is not known is marked missing, never invented."""
        ...

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Return the bars with an end in (after, until], of the finest interval the book has."""
        ...

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the quote at a moment, with an empty window."""
        ...


class Engine(Protocol):
    """A trading engine: pure, same input, same output."""

    name: str
    version: str

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Say ENTER, HOLD or REJECT; raising becomes a stored ERROR decision."""
        ...


class EnginePanel(Protocol):
    """Both engines under one deadline."""

    @property
    def versions(self) -> Mapping[EngineSlot, str]:
        """Engine name and version by slot."""
        ...

    @property
    def available(self) -> frozenset[EngineSlot]:
        """The slots whose engine can be asked now."""
        ...

    def decide_all(
        self, asked: Sequence[tuple[Signal, MarketContext, EngineSlot]], *, deadline_s: float
    ) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Ask both engines about each (signal, context, slot to ask first); answers come as (A, B), in order."""
        ...


class VenueUnavailable(RuntimeError):
    """The venue could not be asked: nothing is known about what it holds, ask again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTraits:
    """What a venue can do, declared by its adapter.

    `finds_orders`: an order can be looked up by its client_order_id, whether it is open, ended or filled; an unknown
    order of a venue without it goes to a person. `settle_s`: how long after `not_after` an order that arrived in time
    may still be invisible. `can_short`: whether more may be sold than is held.
    """

    finds_orders: bool
    settle_s: float
    can_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendWindow:
    """When an order may reach its venue: committed before it is sent, told to venues that refuse what comes late.

    `opened_at` and `not_after` are aware UTC by the database's clock; `deadline` is the same end on this process's
    monotonic clock (`time.monotonic()`), after which nothing may be sent.
    """

    opened_at: datetime
    not_after: datetime
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """What is known about one order at its venue.

    `state` is what the venue said (accepted, partial, filled, cancelled, expired, rejected), `unknown` when it may
    have arrived, `resubmit_ok` when it was certainly not sent. `fills` are all fills known so far. `venue_order_id` is
    the venue's own name of it; `detail` says why, for people.
    """

    order: Order
    state: OrderState
    fills: tuple[Fill, ...] = ()
    venue_order_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """What an account holds of a symbol: `quantity` > 0 long, < 0 short."""

    symbol: str
    quantity: Decimal


class Broker(Protocol):
    """A venue that takes orders. Called with no transaction open; never retried blindly."""

    name: str
    account: str

    @property
    def traits(self) -> VenueTraits:
        """What the venue can do."""
        ...

    def lot(self, instrument: Instrument) -> Decimal | None:
        """Return the step of quantity that the venue asks for, None where it says none.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        ...

    def refusal(self, order: Order) -> str | None:
        """Say why this venue can never take the order (so that it is denied before the wire), or None."""
        ...

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Send each order once and report what the venue said, in order.

        A timeout, a reset or a 5xx is `unknown`; an order not sent before the window's deadline is `resubmit_ok`. What
        raises leaves the orders as being submitted, and only a look-up will say what became of them.
        """
        ...

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Look each order up by its client_order_id among open, ended and filled ones; None when it is in none.

        Raises:
            VenueUnavailable: when the venue does not answer; absence is never concluded from silence.
        """
        ...

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Ask the venue to cancel what is left of each order, then look it up.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        ...

    def positions(self) -> list[VenuePosition]:
        """Return what the account holds, without what is zero.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        ...


class PaperLedger(Protocol):
    """What the paper venue remembers, so that it can be asked like a real one."""

    def book(self, reports: Sequence[OrderReport]) -> None:
        """Remember filled orders and their fills; an order that is known already stays as it was."""
        ...

    def find(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Fill, ...]]:
        """Return the remembered fills by client_order_id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What is open in a ledger (model or real, per engine) when a new trade asks to be opened."""

    open_in_symbol: int
