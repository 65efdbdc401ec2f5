"""Trades (model trades follow the fill model, real trades are sent to a broker), their orders, fills and outcomes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID, uuid5

from domain.context import PriceBasis
from domain.decision import EngineSlot, Plan
from domain.money import Denomination, find_fill_rate
from domain.signal import Direction, Instrument
from domain.study import ExitClock

ENTRY_LEG, FIRST_ATTEMPT = 0, 1
MODEL_VENUE, PAPER_VENUE = "model", "paper"  # parts of the product: the fill model, and the paper broker


class TradeStatus(Enum):
    """Pending until the entry fills, open, closed on every clock it has, or denied (never sent; see `denial`)."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    DENIED = "denied"


class Intent(Enum):
    """Purpose of an order: to open a trade or to reduce it."""

    ENTRY = "entry"
    EXIT = "exit"


class Clock(Enum):
    """The exit clock on which an order counts; entries count on both."""

    BOTH = "both"
    SYNCHRONIZED = "synchronized"
    OWN = "own"


class OrderState(Enum):
    """State of an order; `unknown` may have arrived at the venue, `resubmit_ok` certainly has not."""

    DENIED = "denied"
    INTENT = "intent"
    SUBMITTING = "submitting"
    ACCEPTED = "accepted"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    RESUBMIT_OK = "resubmit_ok"
    MANUAL_REVIEW = "manual_review"


class QuoteBasis(Enum):
    """Origin of a fill's price: observed, or modelled from the other side by the assumed spread."""

    OBSERVED = "observed"
    MODELLED = "modelled"


class Pricing(Enum):
    """Type of an order: market (crosses the spread, with slippage) or limit."""

    MARKET = "market"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealVenue:
    """The venue of a book's real orders; `account` is empty where the venue has one account only."""

    name: str
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeQuote:
    """A stored quote that fills refer to: at most one row per content.

    When a level inside a bar causes an exit, the tested side has that level and the others are None; where the tested
    side is not recorded, the recorded one has the price at which the modelled side is on the level. `basis` is the
    origin of the prices, `rate` the stored rate from their currency to the book's, None where none is needed.
    """

    quote_id: UUID
    book: str
    instrument: Instrument
    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    basis: PriceBasis
    rate: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkState:
    """State of the exit walk between bars; it is stored with the trade.

    `remaining` is the open fraction of the opening quantity, `best` the most favourable tested price since the
    trailing stop was armed, `price` the last tested one; `targets_hit` and `legs` count the targets and exits made.
    """

    stop: Decimal
    remaining: Decimal
    targets_hit: int
    best: Decimal | None
    legs: int
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One engine's trade in one experiment. `walk` and `evaluated_to` move together, bar by bar.

    `time_limit_at` is when it must end; `denial` is set exactly when it is denied. While a pending trade waits for a
    price, `fill_by` says until when, and `entry_at` is the earliest time of its fill. `money` is as known at the entry.
    """

    trade_id: UUID
    experiment_id: UUID
    book: str
    engine: EngineSlot
    is_shadow: bool
    status: TradeStatus
    instrument: Instrument
    side: Direction
    quantity: Decimal
    lot: Decimal
    plan: Plan
    entry_at: datetime
    time_limit_at: datetime
    walk: WalkState
    evaluated_to: datetime
    denial: str | None
    money: Denomination
    fill_by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An intention to trade `quantity` > 0; `is_buy` is the side at the venue, `leg` 0 the entry.

    `account` is empty where the venue has one account only. A later `attempt` is for the unfilled rest of a leg.
    """

    order_id: UUID
    client_order_id: str
    book: str
    trade_id: UUID
    intent: Intent
    clock: Clock
    leg: int
    attempt: int
    is_buy: bool
    quantity: Decimal
    fraction: Decimal
    pricing: Pricing
    reason: str
    venue: str
    quote: TradeQuote
    is_final: bool
    money: Denomination
    account: str = ""

    def find_rate(self, price: Decimal) -> Decimal:
        """Return the rate to the book's currency of a fill at `price`: of its time, else that of the entry."""
        stored = self.money.rate if self.quote.rate is None else self.quote.rate
        return find_fill_rate(self.money.conversion, price=price, stored=stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """An execution of an order: price > 0, fee >= 0 in the quote currency, at a time on the book's clock.

    `currency` is that of price and fee, `rate` what one unit of it is worth in the book's base currency.
    `basis` says whether the side of the quote was observed, `price_basis` where the quote's prices come from.
    """

    order_id: UUID
    trade_id: UUID
    clock: Clock
    intent: Intent
    venue: str
    venue_fill_id: str
    is_buy: bool
    quantity: Decimal
    price: Decimal
    fee: Decimal
    at: datetime
    quote_id: UUID
    basis: QuoteBasis
    price_basis: PriceBasis
    fill_model: str
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitEvent:
    """One exit, caused by the walk, an alert or the end of data.

    `fraction` is of the opening quantity; `is_final` closes all that is left, so that rounding to lots leaves no rest.
    `rate` is the stored rate to the book's currency at that time, where one is needed; `price_after` follows a jump.
    """

    at: datetime
    fraction: Decimal
    is_final: bool
    reason: str
    pricing: Pricing
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    basis: PriceBasis
    rate: Decimal | None = None
    price_after: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a trade on one clock; prices are quantity-weighted means of its fills.

    `pnl` is in the book's base currency, after fees and `holding_cost` (funding, swap), which is below 0 when it was an
    income.
    """

    trade_id: UUID
    experiment_id: UUID
    engine: EngineSlot
    is_shadow: bool
    exit_clock: ExitClock
    equals_own: bool
    entry_price: Decimal
    exit_price: Decimal
    pnl: Decimal
    return_ratio: Decimal
    exit_reason: str
    entry_time: datetime
    exit_time: datetime
    holding_cost: Decimal = Decimal(0)


def experiment_id_for(signal_id: UUID) -> UUID:
    """Derive an experiment's id from its signal, so that a rerun writes the same row."""
    return uuid5(signal_id, "experiment")


def trade_id_for(experiment_id: UUID, *, engine: EngineSlot, is_shadow: bool) -> UUID:
    """Derive a trade's id from its experiment, its engine and its ledger (model or real)."""
    return uuid5(experiment_id, f"trade:{engine.value}:{'model' if is_shadow else 'real'}")


def quote_id_for(
    book: str,
    instrument: Instrument,
    *,
    at: datetime,
    bid: Decimal | None,
    ask: Decimal | None,
    last: Decimal | None,
    basis: PriceBasis,
    rate: Decimal | None = None,
) -> UUID:
    """Derive a quote's id from its content, so that both sides of a pair refer to one row."""
    parts = (
        book,
        instrument.symbol,
        instrument.exchange,
        instrument.kind.value,
        basis.value,
        at.isoformat(),
        *("" if price is None else str(price.normalize()) for price in (bid, ask, last)),
        *(() if rate is None else (str(rate.normalize()),)),
    )
    return uuid5(UUID(int=0), "\x1f".join(parts))


def client_order_id_for(
    *, book: str, account: str, trade_id: UUID, intent: Intent, clock: Clock, leg: int, attempt: int
) -> str:
    """Derive an order's id at the venue: a letter, then 31 hex digits of the SHA-256 of the arguments."""
    text = "\x1f".join((book, account, str(trade_id), intent.value, clock.value, str(leg), str(attempt)))
    return "t" + hashlib.sha256(text.encode()).hexdigest()[:31]


def order_id_for(trade_id: UUID, client_order_id: str) -> UUID:
    """Derive an order's id from its trade and its id at the venue, so that a rerun writes the same row."""
    return uuid5(trade_id, client_order_id)
