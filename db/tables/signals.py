"""Tables of intake: books, sources, signals, webhook events, bars and market contexts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from domain.context import PriceSide
from domain.signal import Action, Direction, InstrumentKind, Position, SellAlone, SignalStatus

_BAR_KEY = ("book", "symbol", "exchange", "instrument_kind", "interval", "side", "open_time")


class BookRow(Base):
    """Book, to which all other rows belong and whose clock they follow; `cursor` is the clock of a replay."""

    __tablename__ = "books"
    __table_args__ = (
        CheckConstraint("kind IN ('live', 'paper', 'test', 'replay')", name="kind_known"),
        CheckConstraint("book = kind OR (kind = 'replay' AND book LIKE 'replay:%')", name="name_says_kind"),
        CheckConstraint("(kind = 'replay') = (cursor IS NOT NULL)", name="replay_has_cursor"),
        CheckConstraint("live_account IS NULL OR kind = 'live'", name="only_live_has_account"),
    )

    book: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    cursor: Mapped[datetime | None]
    exits_to: Mapped[datetime | None]
    completed: Mapped[bool] = mapped_column(server_default=text("false"))
    reference_capital: Mapped[Decimal] = mapped_column(server_default="100000")
    base_currency: Mapped[str] = mapped_column(server_default="USD")
    live_account: Mapped[str | None] = mapped_column(ForeignKey("accounts.name"))
    max_leverage: Mapped[Decimal] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SourceRow(Base):
    """One alert sender; its token is stored hashed for look-up and encrypted for display."""

    __tablename__ = "sources"
    __table_args__ = (
        one_of("instrument_kind", InstrumentKind),
        one_of("sell_alone", SellAlone),
        CheckConstraint("confidence_scale IN (1, 10, 100)", name="confidence_scale_known"),
        CheckConstraint("max_lag_s > 0", name="max_lag_positive"),
        CheckConstraint("heartbeat_s > 0", name="heartbeat_positive"),
        CheckConstraint("sizing > 0 AND sizing <= 1", name="sizing_is_a_share"),
        CheckConstraint("pyramiding > 0", name="pyramiding_positive"),
        CheckConstraint("(previous_token_hash IS NULL) = (previous_until IS NULL)", name="previous_token_ends"),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    token_encrypted: Mapped[bytes]
    strategy: Mapped[str] = mapped_column(server_default="")
    timeframe: Mapped[str | None]
    exchange: Mapped[str] = mapped_column(server_default="")
    instrument_kind: Mapped[str | None]
    sell_alone: Mapped[str | None]
    confidence_scale: Mapped[int] = mapped_column(server_default="100")
    max_lag_s: Mapped[int] = mapped_column(server_default="300")
    dialect: Mapped[str | None]
    symbols: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    heartbeat_s: Mapped[int | None]
    timezone: Mapped[str | None]
    calendar: Mapped[str | None]
    sizing: Mapped[Decimal] = mapped_column(server_default="1")
    pyramiding: Mapped[int] = mapped_column(server_default="1")
    previous_token_hash: Mapped[str | None] = mapped_column(unique=True)
    previous_until: Mapped[datetime | None]
    renewed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_bar_at: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SignalRow(Base):
    """One accepted alert and its place in the pipeline."""

    __tablename__ = "signals"
    __table_args__ = (
        one_of("direction", Direction),
        one_of("action", Action),
        one_of("position_before", Position),
        one_of("position_after", Position),
        one_of("status", SignalStatus),
        one_of("instrument_kind", InstrumentKind),
        CheckConstraint("stage BETWEEN 0 AND 5", name="stage_known"),
        CheckConstraint("(status = 'done') = processed", name="done_is_processed"),
        CheckConstraint("NOT processed OR (stage = 5 AND processing_lock IS NULL)", name="processed_is_finished"),
        CheckConstraint("(processing_lock IS NULL) = (lock_expires_at IS NULL)", name="lock_has_expiry"),
        Index("ix_signals_source_stored_at", "source", "stored_at"),
        Index("ix_signals_due", "next_attempt_at", postgresql_where=text("status = 'open'")),
        Index("ix_signals_content", "book", "source", "content_hash", "received_at"),
        Index("ix_signals_book_seq", "book", "seq"),
        Index("ix_signals_source_symbol", "book", "source", "symbol", "received_at"),
        Index(
            "ix_signals_told",
            "source",
            "symbol",
            "strategy",
            "exchange",
            "instrument_kind",
            "book",
            text("coalesce(timeframe, '')"),
            text("(coalesce(event_at, timestamp, received_at))"),
            postgresql_where=text("coalesce(sequence::text, position_before, position_after) IS NOT NULL"),
        ),
        Index("ix_signals_dead", "book", postgresql_where=text("status = 'dead'")),
        Index("ix_signals_received_at", "received_at", postgresql_using="brin"),
        Index("ix_signals_undispatched", "book", "symbol", postgresql_where=text("status = 'open' AND stage < 4")),
    )

    signal_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    source: Mapped[str] = mapped_column(ForeignKey("sources.name"))
    strategy: Mapped[str]
    symbol: Mapped[str]
    exchange: Mapped[str]
    instrument_kind: Mapped[str]
    direction: Mapped[str]
    action: Mapped[str]
    timeframe: Mapped[str | None]
    timestamp: Mapped[datetime | None]
    event_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    price: Mapped[Decimal | None]
    confidence: Mapped[Decimal | None]
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    position_before: Mapped[str | None]
    position_after: Mapped[str | None]
    signal_hash: Mapped[str]
    content_hash: Mapped[str]
    occurrence: Mapped[int] = mapped_column(BigInteger)
    dialect: Mapped[str]
    read_from: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    raw_body: Mapped[bytes]
    raw_payload: Mapped[dict[str, Any]]
    flags: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    is_test: Mapped[bool]
    stage: Mapped[int] = mapped_column(server_default="0")
    status: Mapped[str] = mapped_column(server_default="open")
    processed: Mapped[bool] = mapped_column(server_default=text("false"))
    experiment_id: Mapped[UUID | None]
    processing_lock: Mapped[UUID | None]
    locked_by: Mapped[str | None]
    lock_expires_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    enqueued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_error: Mapped[str | None]
    stored_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class SignalEventRow(Base):
    """Stage that a signal reached, append-only: the token that wrote it, and the token that owned the signal then."""

    __tablename__ = "signal_events"
    __table_args__ = (CheckConstraint("stage BETWEEN 1 AND 5", name="stage_known"),)

    signal_id: Mapped[UUID] = mapped_column(ForeignKey("signals.signal_id"), primary_key=True)
    stage: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    written_by: Mapped[UUID]
    owned_by: Mapped[UUID | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class WebhookEventRow(Base):
    """Request that was not accepted: its raw body and the errors."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        CheckConstraint("kind IN ('quarantined', 'oversized')", name="kind_known"),
        Index("ix_webhook_events_received_at", "received_at", "event_id"),
        Index("ix_webhook_events_source", "source", "received_at"),
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(ForeignKey("sources.name"))
    book: Mapped[str] = mapped_column(ForeignKey("books.book"))
    kind: Mapped[str]
    received_at: Mapped[datetime]
    raw_body: Mapped[bytes]
    content_type: Mapped[str]
    errors: Mapped[dict[str, Any]]
    redriven_at: Mapped[datetime | None]
    redriven_signal_id: Mapped[UUID | None] = mapped_column(ForeignKey("signals.signal_id"))


class QuarantineRefusalRow(Base):
    """Number of messages of a source that were not kept, since it had as many in quarantine as it may."""

    __tablename__ = "quarantine_refusals"

    source: Mapped[str] = mapped_column(ForeignKey("sources.name"), primary_key=True)
    refused: Mapped[int] = mapped_column(BigInteger)
    last_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class BarRow(Base):
    """A bar a book has seen; `close_time` is when it is closed and may be used."""

    __tablename__ = "bars"
    __table_args__ = (
        one_of("side", PriceSide),
        CheckConstraint("high >= greatest(open, close) AND low <= least(open, close)", name="range_holds_prices"),
        CheckConstraint("low > 0 AND high < 'Infinity'::numeric", name="prices_are_numbers"),
        CheckConstraint("close_time > open_time", name="closes_after_open"),
        Index("ix_bars_newest", "book", "symbol", "close_time"),
        Index("ix_bars_closed", "book", "symbol", "exchange", "instrument_kind", "interval", "side", "close_time"),
    )

    book: Mapped[str] = mapped_column(ForeignKey("books.book"), primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    exchange: Mapped[str] = mapped_column(primary_key=True)
    instrument_kind: Mapped[str] = mapped_column(primary_key=True)
    interval: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    open_time: Mapped[datetime] = mapped_column(primary_key=True)
    close_time: Mapped[datetime]
    open: Mapped[Decimal]
    high: Mapped[Decimal]
    low: Mapped[Decimal]
    close: Mapped[Decimal]
    volume: Mapped[Decimal | None]


class LateBarRow(Base):
    """A bar that arrived after newer ones of its symbol, and how many trades were walked again or had ended before it.

    The counts are set when the exits worker has looked at it.
    """

    __tablename__ = "late_bars"
    __table_args__ = (
        ForeignKeyConstraint(
            _BAR_KEY, [f"bars.{name}" for name in _BAR_KEY], name="fk_late_bars_book_bars", ondelete="CASCADE"
        ),
        Index("ix_late_bars_pending", "book", postgresql_where=text("settled_at IS NULL")),
    )

    book: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    exchange: Mapped[str] = mapped_column(primary_key=True)
    instrument_kind: Mapped[str] = mapped_column(primary_key=True)
    interval: Mapped[str] = mapped_column(primary_key=True)
    side: Mapped[str] = mapped_column(primary_key=True)
    open_time: Mapped[datetime] = mapped_column(primary_key=True)
    stored_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    settled_at: Mapped[datetime | None]
    walked_again: Mapped[int | None]
    too_late_for: Mapped[int | None]


class BarWindowRow(Base):
    """The bars of a context, stored once for all signals that share them."""

    __tablename__ = "bar_windows"

    window_hash: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]]


class MarketContextRow(Base):
    """The frozen snapshot of one signal; `timestamp` is its as-of time on the book's clock."""

    __tablename__ = "market_contexts"

    context_id: Mapped[UUID] = mapped_column(primary_key=True)
    signal_id: Mapped[UUID] = mapped_column(ForeignKey("signals.signal_id"), unique=True)
    timestamp: Mapped[datetime]
    symbol: Mapped[str]
    current_price: Mapped[Decimal | None]
    bid: Mapped[Decimal | None]
    ask: Mapped[Decimal | None]
    volume: Mapped[Decimal | None]
    indicators: Mapped[dict[str, Any]]
    quality: Mapped[dict[str, Any]]
    rest: Mapped[dict[str, Any]]
    window_hash: Mapped[str] = mapped_column(ForeignKey("bar_windows.window_hash"))
    context_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
