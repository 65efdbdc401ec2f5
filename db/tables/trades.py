"""Tables of trading: trades, orders, fills, quotes, outcomes, and the paper venue's ledger."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from domain.context import PriceBasis
from domain.decision import EngineSlot
from domain.money import Conversion
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Intent, OrderState, Pricing, QuoteBasis, TradeStatus

OPEN_STATES = "('intent', 'submitting', 'accepted', 'partial', 'unknown', 'resubmit_ok', 'manual_review')"


class QuoteRow(Base):
    """A quote that fills refer to; its id derives from its content."""

    __tablename__ = "quotes"
    __table_args__ = (one_of("basis", PriceBasis),)

    quote_id: Mapped[UUID] = mapped_column(primary_key=True)
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    symbol: Mapped[str]
    exchange: Mapped[str]
    instrument_kind: Mapped[str]
    at: Mapped[datetime]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    last: Mapped[Decimal | None]
    rate: Mapped[Decimal | None]
    basis: Mapped[str]


class TradeRow(Base):
    """One engine's trade in one experiment: the model trade (`is_shadow`) or the real one.

    Its prices are in `currency`; `conversion` says where the rate to the book's currency comes from, `rate` is that of
    the entry.
    """

    __tablename__ = "trades"
    __table_args__ = (
        one_of("engine", EngineSlot),
        one_of("side", Direction),
        one_of("status", TradeStatus),
        CheckConstraint("(status = 'denied') = (denial IS NOT NULL)", name="denied_has_reason"),
        one_of("conversion", Conversion),
        CheckConstraint("multiplier > 0", name="multiplier_positive"),
        CheckConstraint("rate > 0", name="rate_positive"),
        CheckConstraint("status = 'denied' OR multiplier IS NOT NULL", name="traded_has_multiplier"),
        CheckConstraint("fill_by IS NULL OR status = 'pending'", name="only_pending_waits"),
        UniqueConstraint("experiment_id", "engine", "is_shadow"),
        Index(
            "ix_trades_open",
            "book",
            "symbol",
            "exchange",
            "instrument_kind",
            postgresql_where=text("status IN ('pending', 'open')"),
        ),
        Index("ix_trades_waiting", "book", postgresql_where=text("fill_by IS NOT NULL")),
        Index("ix_trades_created_at", "created_at", "trade_id"),
        Index(
            "ix_trades_close_requested",
            "book",
            postgresql_where=text("close_requested_at IS NOT NULL AND status IN ('pending', 'open')"),
        ),
    )

    trade_id: Mapped[UUID] = mapped_column(primary_key=True)
    experiment_id: Mapped[UUID] = mapped_column(ForeignKey("experiments.experiment_id"))
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    source: Mapped[str]
    strategy: Mapped[str]
    symbol: Mapped[str]
    exchange: Mapped[str]
    instrument_kind: Mapped[str]
    engine: Mapped[str]
    is_shadow: Mapped[bool]
    status: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    lot: Mapped[Decimal]
    plan: Mapped[dict[str, Any]]
    entry_at: Mapped[datetime]
    time_limit_at: Mapped[datetime]
    walk: Mapped[dict[str, Any]]
    evaluated_to: Mapped[datetime]
    fill_by: Mapped[datetime | None]
    denial: Mapped[str | None]
    close_requested_at: Mapped[datetime | None]
    currency: Mapped[str]
    multiplier: Mapped[Decimal | None]
    conversion: Mapped[str]
    rate: Mapped[Decimal | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class OrderRow(Base):
    """An order of a trade, on one exit clock, with its present state.

    `not_after` ends the window in which it may reach its venue; `next_check_at` is when the sweep looks at it again.
    """

    __tablename__ = "orders"
    __table_args__ = (
        one_of("intent", Intent),
        one_of("exit_clock", Clock),
        one_of("pricing", Pricing),
        one_of("state", OrderState),
        CheckConstraint("side IN ('buy', 'sell')", name="side_known"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("(intent = 'entry') = (leg = 0)", name="entry_is_leg_zero"),
        CheckConstraint("(intent = 'entry') = (exit_clock = 'both')", name="entry_counts_on_both"),
        CheckConstraint("venue IN ('model', 'paper') OR book = 'live'", name="real_venue_only_live"),
        CheckConstraint(
            "state NOT IN ('submitting', 'unknown') OR venue IN ('model', 'paper') OR not_after IS NOT NULL",
            name="sent_has_end",
        ),
        UniqueConstraint("trade_id", "exit_clock", "intent", "leg", "attempt"),
        Index(
            "uq_orders_one_open_exit",
            "trade_id",
            "exit_clock",
            unique=True,
            postgresql_where=text(f"intent = 'exit' AND state IN {OPEN_STATES}"),
        ),
        Index("ix_orders_real", "book", "state", postgresql_where=text("venue <> 'model'")),
        Index("ix_orders_due", "next_check_at", postgresql_where=text(f"state IN {OPEN_STATES}")),
    )

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_order_id: Mapped[str] = mapped_column(unique=True)
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    trade_id: Mapped[UUID] = mapped_column(ForeignKey("trades.trade_id"))
    intent: Mapped[str]
    exit_clock: Mapped[str]
    leg: Mapped[int]
    attempt: Mapped[int]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    fraction: Mapped[Decimal]
    pricing: Mapped[str]
    reason: Mapped[str]
    is_final: Mapped[bool]
    venue: Mapped[str]
    quote_id: Mapped[UUID] = mapped_column(ForeignKey("quotes.quote_id"))
    state: Mapped[str]
    account: Mapped[str] = mapped_column(server_default="")
    not_after: Mapped[datetime | None]
    venue_order_id: Mapped[str | None]
    next_check_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    checks: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class OrderEventRow(Base):
    """Each change of an order's state, append-only."""

    __tablename__ = "order_events"
    __table_args__ = (
        one_of("from_state", OrderState),
        one_of("to_state", OrderState),
        Index("ix_order_events_order_id", "order_id"),
    )

    event_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    detail: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class FillRow(Base):
    """Fill of an order: its quantity and price, and the stored quote it refers to.

    Price and fee are in `currency`, one unit of which is worth `rate` units of the book's base currency.
    """

    __tablename__ = "fills"
    __table_args__ = (
        one_of("exit_clock", Clock),
        one_of("intent", Intent),
        one_of("quote_basis", QuoteBasis),
        one_of("price_basis", PriceBasis),
        CheckConstraint("side IN ('buy', 'sell')", name="side_known"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("price > 0", name="price_positive"),
        CheckConstraint("fee >= 0", name="fee_not_negative"),
        CheckConstraint("rate > 0", name="rate_positive"),
        UniqueConstraint("venue", "venue_fill_id"),
        Index("ix_fills_trade_id", "trade_id"),
    )

    fill_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    trade_id: Mapped[UUID] = mapped_column(ForeignKey("trades.trade_id"))
    exit_clock: Mapped[str]
    intent: Mapped[str]
    venue: Mapped[str]
    venue_fill_id: Mapped[str]
    side: Mapped[str]
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    filled_at: Mapped[datetime]
    quote_id: Mapped[UUID] = mapped_column(ForeignKey("quotes.quote_id"))
    quote_basis: Mapped[str]
    price_basis: Mapped[str]
    fill_model: Mapped[str]
    currency: Mapped[str]
    rate: Mapped[Decimal]


class TradeOutcomeRow(Base):
    """Result of one engine's side of an experiment on one exit clock; a side that did not trade has the result 0."""

    __tablename__ = "trade_outcomes"
    __table_args__ = (
        one_of("engine", EngineSlot),
        one_of("exit_clock", ExitClock),
        CheckConstraint(
            "(entry_price IS NULL) = (exit_price IS NULL) AND (entry_price IS NULL) = (entry_time IS NULL)"
            " AND (entry_price IS NULL) = (exit_time IS NULL)",
            name="prices_and_times_together",
        ),
        CheckConstraint("entry_price IS NOT NULL OR pnl = 0", name="no_trade_no_pnl"),
        UniqueConstraint("trade_id", "exit_clock"),
        UniqueConstraint("experiment_id", "engine", "is_shadow", "exit_clock"),
    )

    outcome_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    experiment_id: Mapped[UUID] = mapped_column(ForeignKey("experiments.experiment_id"))
    engine: Mapped[str]
    trade_id: Mapped[UUID | None] = mapped_column(ForeignKey("trades.trade_id"))
    is_shadow: Mapped[bool]
    exit_clock: Mapped[str]
    equals_own: Mapped[bool]
    entry_price: Mapped[Decimal | None]
    exit_price: Mapped[Decimal | None]
    pnl: Mapped[Decimal]
    return_ratio: Mapped[Decimal]
    exit_reason: Mapped[str]
    entry_time: Mapped[datetime | None]
    exit_time: Mapped[datetime | None]
    holding_cost: Mapped[Decimal] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PaperLedgerRow(Base):
    """Fills of the paper venue by client_order_id, so that it can be asked for an order like a real venue."""

    __tablename__ = "paper_ledger"

    client_order_id: Mapped[str] = mapped_column(primary_key=True)
    fills: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
