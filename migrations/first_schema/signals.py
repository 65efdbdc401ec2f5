"""Tables of the first schema: books, sources, signals, webhook events, bars and market contexts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def create_bar_windows() -> None:
    """Create the table `bar_windows`."""
    op.create_table(
        "bar_windows",
        sa.Column("window_hash", sa.Text(), nullable=False),
        sa.Column("document", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("window_hash", name=op.f("pk_bar_windows")),
    )


def create_books() -> None:
    """Create the table `books`."""
    op.create_table(
        "books",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cursor", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exits_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("completed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("reference_capital", sa.Numeric(), server_default="100000", nullable=False),
        sa.Column("base_currency", sa.Text(), server_default="USD", nullable=False),
        sa.Column("max_leverage", sa.Numeric(), server_default="1", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(kind = 'replay') = (cursor IS NOT NULL)", name=op.f("ck_books_replay_has_cursor")),
        sa.CheckConstraint(
            "book = kind OR (kind = 'replay' AND book LIKE 'replay:%')", name=op.f("ck_books_name_says_kind")
        ),
        sa.CheckConstraint("kind IN ('live', 'paper', 'test', 'replay')", name=op.f("ck_books_kind_known")),
        sa.PrimaryKeyConstraint("book", name=op.f("pk_books")),
    )


def create_bars() -> None:
    """Create the table `bars`."""
    op.create_table(
        "bars",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=False),
        sa.Column("interval", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("close_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("open", sa.Numeric(), nullable=False),
        sa.Column("high", sa.Numeric(), nullable=False),
        sa.Column("low", sa.Numeric(), nullable=False),
        sa.Column("close", sa.Numeric(), nullable=False),
        sa.Column("volume", sa.Numeric(), nullable=True),
        sa.CheckConstraint("low > 0 AND high < 'Infinity'::numeric", name=op.f("ck_bars_prices_are_numbers")),
        sa.CheckConstraint("side IN ('bid', 'ask', 'mid')", name=op.f("ck_bars_side_known")),
        sa.CheckConstraint("close_time > open_time", name=op.f("ck_bars_closes_after_open")),
        sa.CheckConstraint(
            "high >= greatest(open, close) AND low <= least(open, close)", name=op.f("ck_bars_range_holds_prices")
        ),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_bars_book")),
        sa.PrimaryKeyConstraint(
            "book", "symbol", "exchange", "instrument_kind", "interval", "side", "open_time", name=op.f("pk_bars")
        ),
    )
    op.create_index("ix_bars_newest", "bars", ["book", "symbol", "close_time"], unique=False)
    op.create_index(
        "ix_bars_closed",
        "bars",
        ["book", "symbol", "exchange", "instrument_kind", "interval", "side", "close_time"],
        unique=False,
    )


def create_sources() -> None:
    """Create the table `sources`."""
    op.create_table(
        "sources",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("token_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("strategy", sa.Text(), server_default="", nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=True),
        sa.Column("exchange", sa.Text(), server_default="", nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=True),
        sa.Column("sell_alone", sa.Text(), nullable=True),
        sa.Column("confidence_scale", sa.Integer(), server_default="100", nullable=False),
        sa.Column("max_lag_s", sa.Integer(), server_default="300", nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "instrument_kind IN ('spot', 'perp', 'future', 'forex', 'stock', 'index', 'option', 'unknown')",
            name=op.f("ck_sources_instrument_kind_known"),
        ),
        sa.CheckConstraint("sell_alone IN ('exit', 'short')", name=op.f("ck_sources_sell_alone_known")),
        sa.CheckConstraint("confidence_scale IN (1, 10, 100)", name=op.f("ck_sources_confidence_scale_known")),
        sa.CheckConstraint("max_lag_s > 0", name=op.f("ck_sources_max_lag_positive")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_sources_book")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sources")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sources_token_hash")),
    )


def create_signals() -> None:
    """Create the table `signals`."""
    op.create_table(
        "signals",
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("timeframe", sa.Text(), nullable=True),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column("event_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("confidence", sa.Numeric(), nullable=True),
        sa.Column("signal_hash", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.BigInteger(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("raw_body", sa.LargeBinary(), nullable=False),
        sa.Column("raw_payload", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "flags",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("stage", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("processed", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("experiment_id", sa.Uuid(), nullable=True),
        sa.Column("processing_lock", sa.Uuid(), nullable=True),
        sa.Column("locked_by", sa.Text(), nullable=True),
        sa.Column("lock_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("enqueued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("stored_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("(status = 'done') = processed", name=op.f("ck_signals_done_is_processed")),
        sa.CheckConstraint("action IN ('entry', 'exit')", name=op.f("ck_signals_action_known")),
        sa.CheckConstraint("direction IN ('long', 'short')", name=op.f("ck_signals_direction_known")),
        sa.CheckConstraint(
            "instrument_kind IN ('spot', 'perp', 'future', 'forex', 'stock', 'index', 'option', 'unknown')",
            name=op.f("ck_signals_instrument_kind_known"),
        ),
        sa.CheckConstraint("status IN ('open', 'done', 'dead')", name=op.f("ck_signals_status_known")),
        sa.CheckConstraint(
            "(processing_lock IS NULL) = (lock_expires_at IS NULL)", name=op.f("ck_signals_lock_has_expiry")
        ),
        sa.CheckConstraint(
            "NOT processed OR (stage = 5 AND processing_lock IS NULL)", name=op.f("ck_signals_processed_is_finished")
        ),
        sa.CheckConstraint("stage BETWEEN 0 AND 5", name=op.f("ck_signals_stage_known")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_signals_book")),
        sa.ForeignKeyConstraint(["source"], ["sources.name"], name=op.f("fk_signals_source")),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_signals")),
        sa.UniqueConstraint("seq", name=op.f("uq_signals_seq")),
    )
    op.create_index("ix_signals_book_seq", "signals", ["book", "seq"], unique=False)
    op.create_index("ix_signals_content", "signals", ["book", "source", "content_hash", "received_at"], unique=False)
    op.create_index(
        "ix_signals_due", "signals", ["next_attempt_at"], unique=False, postgresql_where=sa.text("status = 'open'")
    )
    op.create_index(
        "ix_signals_undispatched",
        "signals",
        ["book", "symbol"],
        unique=False,
        postgresql_where=sa.text("status = 'open' AND stage < 4"),
    )


def create_webhook_events() -> None:
    """Create the table `webhook_events`."""
    op.create_table(
        "webhook_events",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raw_body", sa.LargeBinary(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("errors", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("kind IN ('quarantined', 'oversized')", name=op.f("ck_webhook_events_kind_known")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_webhook_events_book")),
        sa.ForeignKeyConstraint(["source"], ["sources.name"], name=op.f("fk_webhook_events_source")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_webhook_events")),
    )


def create_market_contexts() -> None:
    """Create the table `market_contexts`."""
    op.create_table(
        "market_contexts",
        sa.Column("context_id", sa.Uuid(), nullable=False),
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("timestamp", sa.DateTime(timezone=True), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("current_price", sa.Numeric(), nullable=True),
        sa.Column("bid", sa.Numeric(), nullable=True),
        sa.Column("ask", sa.Numeric(), nullable=True),
        sa.Column("volume", sa.Numeric(), nullable=True),
        sa.Column("indicators", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("quality", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("rest", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("window_hash", sa.Text(), nullable=False),
        sa.Column("context_hash", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.signal_id"], name=op.f("fk_market_contexts_signal_id")),
        sa.ForeignKeyConstraint(
            ["window_hash"], ["bar_windows.window_hash"], name=op.f("fk_market_contexts_window_hash")
        ),
        sa.PrimaryKeyConstraint("context_id", name=op.f("pk_market_contexts")),
        sa.UniqueConstraint("signal_id", name=op.f("uq_market_contexts_signal_id")),
    )
