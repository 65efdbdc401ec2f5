"""Protocols through which the core reaches venues, engines and the database, and the values they exchange."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import inf
from typing import Protocol

from domain.context import Bar, BarSeries, MarketContext, MarketView, PriceSide, Quote
from domain.decision import Decision, EngineAnswer, EngineSlot
from domain.instruments import InstrumentTerms
from domain.intervals import Interval
from domain.market_prices import FillRequest
from domain.signal import Instrument, Signal
from domain.trade import Fill, Order, OrderState


class BookClock(Protocol):
    """Source of a book's time: the wall clock, or a replay's cursor."""

    def now(self, book: str) -> datetime:
        """Return the present moment on the book's clock, aware UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Key of a stored bar series of a book: instrument, interval and price side."""

    book: str
    instrument: Instrument
    interval: Interval
    side: PriceSide


class BarStore(Protocol):
    """The stored bars of a book; no method uses the network."""

    def feeds(self, book: str, instruments: Collection[Instrument]) -> Mapping[Instrument, Sequence[Feed]]:
        """List the series stored for each instrument, finest first; without one of it, those without an exchange."""
        ...

    def last_closed(self, feed: Feed, *, as_of: datetime, count: int) -> Sequence[Bar]:
        """Return up to `count` newest bars that closed at or before `as_of`, oldest first."""
        ...

    def around(self, feed: Feed, *, first: datetime, last: datetime) -> Sequence[Bar]:
        """Return the last bar that closed at or before `first`, and those that closed later and opened by `last`.

        Oldest first. Of a bar that is not closed yet at a moment, only the open may be used at that moment.
        """
        ...

    def first_opened(self, feed: Feed, *, after: datetime, until: datetime) -> Bar | None:
        """Return the first bar that opened in (after, until], or None. Only its open may be used at `until`."""
        ...

    def closed_between(self, feed: Feed, *, after: datetime, until: datetime) -> Sequence[Bar]:
        """Return bars whose end is in (after, until], oldest first."""
        ...

    def count_closed(self, feed: Feed, *, after: datetime, until: datetime) -> int:
        """Count the bars whose end is in (after, until]; bars are only ever added."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRequest:
    """Request for the market view of one signal at `as_of`."""

    signal: Signal
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkBars:
    """Bars for the exit walk, closed after a given time: one series per recorded interval and price side."""

    series: tuple[BarSeries, ...]


class MarketData(Protocol):
    """A provider of market views and of bars for the exit walk. Called with no transaction open."""

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Return the view of each request, in order; unknown fields are marked missing, never made up."""
        ...

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Return the bars with an end in (after, until], of every interval the book has."""
        ...

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Return the quote at a moment, with an empty window."""
        ...

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        """Return the quote at which a market order of each request fills, in order; None where none is known yet.

        The first that applies: a live quote at or after the moment; the open of a bar that opened at it or just before;
        the alert's price within 5 s of its firing; the open of the next bar.
        """
        ...


class Engine(Protocol):
    """A trading engine: a pure function, the same input gives the same output."""

    @property
    def name(self) -> str:
        """The engine's name."""
        ...

    @property
    def version(self) -> str:
        """A text that differs whenever answers may."""
        ...

    @property
    def latency_s(self) -> Decimal:
        """How long an answer is taken to need, in seconds, wherever that must repeat, as in a replay."""
        ...

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Return ENTER, HOLD or REJECT with reasons; an exception is stored as an ERROR decision."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """A function to be called about every `every_s` seconds during a long wait, in the thread that waits."""

    every_s: float
    beat: Callable[[], None]


class EnginePanel(Protocol):
    """Both engines, asked side by side, each under a deadline per question."""

    @property
    def versions(self) -> Mapping[EngineSlot, str]:
        """Engine name and version by slot."""
        ...

    @property
    def available(self) -> frozenset[EngineSlot]:
        """The slots whose engine can be asked now."""
        ...

    @property
    def latencies_s(self) -> Mapping[EngineSlot, Decimal]:
        """The latency that each engine declares, in seconds."""
        ...

    def decide_all(
        self,
        questions: Sequence[tuple[Signal, MarketContext, EngineSlot]],
        *,
        ends_at: float = inf,
        heartbeat: Heartbeat | None = None,
    ) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Ask both engines about each (signal, context, slot to ask first); answers come as (A, B), in order.

        No question is put after `ends_at` (monotonic clock), so answers may be missing at the end of the list.
        """
        ...


class VenueUnavailable(RuntimeError):
    """The venue did not answer, so nothing is known about its orders and positions; ask again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTraits:
    """Abilities of a venue, declared by its adapter.

    `finds_orders`: an order can be looked up by its client_order_id, whether it is open, ended or filled; at a venue
    without this, unknown orders go to manual review. `settle_s`: how long after `not_after` an order that arrived in
    time may still be invisible. `can_short`: whether more may be sold than is held.
    """

    finds_orders: bool
    settle_s: float
    can_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SendWindow:
    """Time during which an order may reach its venue; committed before sending, enforced by venues that can.

    `opened_at` and `not_after` are aware UTC by the database's clock; `deadline` is the same end on this process's
    monotonic clock (`time.monotonic()`), after which nothing may be sent.
    """

    opened_at: datetime
    not_after: datetime
    deadline: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReport:
    """The state of one order at its venue, as far as it is known.

    `state` is the venue's answer (accepted, partial, filled, cancelled, expired, rejected), `unknown` when it may have
    arrived, `resubmit_ok` when it was certainly not sent. `fills` are all fills known so far. `venue_order_id` is
    the venue's own id; `detail` is the reason as text for users.
    """

    order: Order
    state: OrderState
    fills: tuple[Fill, ...] = ()
    venue_order_id: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """An account's position in a symbol: `quantity` > 0 long, < 0 short."""

    symbol: str
    quantity: Decimal


class Broker(Protocol):
    """A venue that takes orders. Called with no transaction open; never retried blindly."""

    name: str
    account: str

    @property
    def traits(self) -> VenueTraits:
        """The abilities of the venue."""
        ...

    def terms(self, instrument: Instrument) -> InstrumentTerms | None:
        """Return what the venue states of an instrument; None where it states nothing.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        ...

    def refusal(self, order: Order) -> str | None:
        """Return the reason why this venue can never accept the order, so that it is not sent; None when it can."""
        ...

    def submit(self, orders: Sequence[Order], *, window: SendWindow) -> list[OrderReport]:
        """Send each order once and return the venue's answers, in order.

        A timeout, a reset or a 5xx is `unknown`; an order not sent before the window's deadline is `resubmit_ok`. After
        an exception the orders stay in `submitting`, and only a look-up tells their state.
        """
        ...

    def find(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Look each order up by its client_order_id among open, ended and filled ones; None when it is not there.

        Raises:
            VenueUnavailable: when the venue does not answer; a missing answer never counts as a missing order.
        """
        ...

    def cancel(self, orders: Sequence[Order]) -> list[OrderReport | None]:
        """Ask the venue to cancel the open rest of each order, then look it up.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        ...

    def positions(self) -> list[VenuePosition]:
        """Return the positions of the account, without those of quantity 0.

        Raises:
            VenueUnavailable: when the venue does not answer.
        """
        ...


class PaperLedger(Protocol):
    """The stored fills of the paper venue, by which it answers look-ups like a real venue."""

    def book(self, reports: Sequence[OrderReport]) -> None:
        """Store the fills of filled orders; an order that is stored already stays as it is."""
        ...

    def find(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Fill, ...]]:
        """Return the stored fills by client_order_id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Open trades of an engine in a ledger (model or real) at the time when a new trade is to be opened."""

    open_in_symbol: int
