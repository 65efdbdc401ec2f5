"""Tables of the first schema: trades, their orders, fills, quotes and outcomes, and the ledger of the paper broker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql


def create_paper_ledger() -> None:
    """Create the table `paper_ledger`."""
    op.create_table(
        "paper_ledger",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("fills", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("client_order_id", name=op.f("pk_paper_ledger")),
    )


def create_quotes() -> None:
    """Create the table `quotes`."""
    op.create_table(
        "quotes",
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bid", sa.Numeric(), nullable=True),
        sa.Column("ask", sa.Numeric(), nullable=True),
        sa.Column("last", sa.Numeric(), nullable=True),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_quotes_book")),
        sa.PrimaryKeyConstraint("quote_id", name=op.f("pk_quotes")),
    )


def create_trades() -> None:
    """Create the table `trades`."""
    op.create_table(
        "trades",
        sa.Column("trade_id", sa.Uuid(), nullable=False),
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("is_shadow", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("lot", sa.Numeric(), nullable=False),
        sa.Column("plan", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("entry_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_limit_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("walk", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("evaluated_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("denial", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(status = 'denied') = (denial IS NOT NULL)", name=op.f("ck_trades_denied_has_reason")),
        sa.CheckConstraint("engine IN ('A', 'B')", name=op.f("ck_trades_engine_known")),
        sa.CheckConstraint("side IN ('long', 'short')", name=op.f("ck_trades_side_known")),
        sa.CheckConstraint("status IN ('pending', 'open', 'closed', 'denied')", name=op.f("ck_trades_status_known")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_trades_book")),
        sa.ForeignKeyConstraint(["experiment_id"], ["experiments.experiment_id"], name=op.f("fk_trades_experiment_id")),
        sa.PrimaryKeyConstraint("trade_id", name=op.f("pk_trades")),
        sa.UniqueConstraint(
            "experiment_id", "engine", "is_shadow", name=op.f("uq_trades_experiment_id_engine_is_shadow")
        ),
    )
    op.create_index(
        "ix_trades_open",
        "trades",
        ["book", "symbol", "exchange", "instrument_kind"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'open')"),
    )


def create_orders() -> None:
    """Create the table `orders`."""
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Uuid(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("exit_clock", sa.Text(), nullable=False),
        sa.Column("leg", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("fraction", sa.Numeric(), nullable=False),
        sa.Column("pricing", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("(intent = 'entry') = (exit_clock = 'both')", name=op.f("ck_orders_entry_counts_on_both")),
        sa.CheckConstraint("(intent = 'entry') = (leg = 0)", name=op.f("ck_orders_entry_is_leg_zero")),
        sa.CheckConstraint("exit_clock IN ('both', 'synchronized', 'own')", name=op.f("ck_orders_exit_clock_known")),
        sa.CheckConstraint("intent IN ('entry', 'exit')", name=op.f("ck_orders_intent_known")),
        sa.CheckConstraint("pricing IN ('market', 'limit')", name=op.f("ck_orders_pricing_known")),
        sa.CheckConstraint("side IN ('buy', 'sell')", name=op.f("ck_orders_side_known")),
        sa.CheckConstraint(
            "state IN ('denied', 'intent', 'submitting', 'accepted', 'partial', 'filled', 'cancelled',"
            " 'expired', 'rejected', 'unknown', 'manual_review')",
            name=op.f("ck_orders_state_known"),
        ),
        sa.CheckConstraint("venue IN ('model', 'paper') OR book = 'live'", name=op.f("ck_orders_real_venue_only_live")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_orders_quantity_positive")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_orders_book")),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.quote_id"], name=op.f("fk_orders_quote_id")),
        sa.ForeignKeyConstraint(["trade_id"], ["trades.trade_id"], name=op.f("fk_orders_trade_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        sa.UniqueConstraint("client_order_id", name=op.f("uq_orders_client_order_id")),
        sa.UniqueConstraint(
            "trade_id",
            "exit_clock",
            "intent",
            "leg",
            "attempt",
            name=op.f("uq_orders_trade_id_exit_clock_intent_leg_attempt"),
        ),
    )
    op.create_index(
        "ix_orders_open",
        "orders",
        ["state"],
        unique=False,
        postgresql_where=sa.text("state IN ('intent', 'submitting', 'accepted', 'partial', 'unknown')"),
    )
    op.create_index(
        "uq_orders_one_open_exit",
        "orders",
        ["trade_id", "exit_clock"],
        unique=True,
        postgresql_where=sa.text(
            "intent = 'exit' AND state IN ('intent', 'submitting', 'accepted', 'partial', 'unknown')"
        ),
    )


def create_trade_outcomes() -> None:
    """Create the table `trade_outcomes`."""
    op.create_table(
        "trade_outcomes",
        sa.Column("outcome_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("trade_id", sa.Uuid(), nullable=True),
        sa.Column("is_shadow", sa.Boolean(), nullable=False),
        sa.Column("exit_clock", sa.Text(), nullable=False),
        sa.Column("equals_own", sa.Boolean(), nullable=False),
        sa.Column("entry_price", sa.Numeric(), nullable=True),
        sa.Column("exit_price", sa.Numeric(), nullable=True),
        sa.Column("pnl", sa.Numeric(), nullable=False),
        sa.Column("return_ratio", sa.Numeric(), nullable=False),
        sa.Column("exit_reason", sa.Text(), nullable=False),
        sa.Column("entry_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("engine IN ('A', 'B')", name=op.f("ck_trade_outcomes_engine_known")),
        sa.CheckConstraint("exit_clock IN ('synchronized', 'own')", name=op.f("ck_trade_outcomes_exit_clock_known")),
        sa.CheckConstraint(
            "(entry_price IS NULL) = (exit_price IS NULL) AND (entry_price IS NULL) = (entry_time IS NULL) AND"
            " (entry_price IS NULL) = (exit_time IS NULL)",
            name=op.f("ck_trade_outcomes_prices_and_times_together"),
        ),
        sa.CheckConstraint("entry_price IS NOT NULL OR pnl = 0", name=op.f("ck_trade_outcomes_no_trade_no_pnl")),
        sa.ForeignKeyConstraint(
            ["experiment_id"], ["experiments.experiment_id"], name=op.f("fk_trade_outcomes_experiment_id")
        ),
        sa.ForeignKeyConstraint(["trade_id"], ["trades.trade_id"], name=op.f("fk_trade_outcomes_trade_id")),
        sa.PrimaryKeyConstraint("outcome_id", name=op.f("pk_trade_outcomes")),
        sa.UniqueConstraint(
            "experiment_id",
            "engine",
            "is_shadow",
            "exit_clock",
            name=op.f("uq_trade_outcomes_experiment_id_engine_is_shadow_exit_clock"),
        ),
        sa.UniqueConstraint("trade_id", "exit_clock", name=op.f("uq_trade_outcomes_trade_id_exit_clock")),
    )


def create_fills() -> None:
    """Create the table `fills`."""
    op.create_table(
        "fills",
        sa.Column("fill_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("trade_id", sa.Uuid(), nullable=False),
        sa.Column("exit_clock", sa.Text(), nullable=False),
        sa.Column("intent", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("venue_fill_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("fee", sa.Numeric(), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quote_id", sa.Uuid(), nullable=False),
        sa.Column("quote_basis", sa.Text(), nullable=False),
        sa.Column("fill_model", sa.Text(), nullable=False),
        sa.CheckConstraint("exit_clock IN ('both', 'synchronized', 'own')", name=op.f("ck_fills_exit_clock_known")),
        sa.CheckConstraint("intent IN ('entry', 'exit')", name=op.f("ck_fills_intent_known")),
        sa.CheckConstraint("quote_basis IN ('observed', 'modelled')", name=op.f("ck_fills_quote_basis_known")),
        sa.CheckConstraint("side IN ('buy', 'sell')", name=op.f("ck_fills_side_known")),
        sa.CheckConstraint("fee >= 0", name=op.f("ck_fills_fee_not_negative")),
        sa.CheckConstraint("price > 0", name=op.f("ck_fills_price_positive")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_fills_quantity_positive")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_fills_order_id")),
        sa.ForeignKeyConstraint(["quote_id"], ["quotes.quote_id"], name=op.f("fk_fills_quote_id")),
        sa.ForeignKeyConstraint(["trade_id"], ["trades.trade_id"], name=op.f("fk_fills_trade_id")),
        sa.PrimaryKeyConstraint("fill_id", name=op.f("pk_fills")),
        sa.UniqueConstraint("venue", "venue_fill_id", name=op.f("uq_fills_venue_venue_fill_id")),
    )
    op.create_index("ix_fills_trade_id", "fills", ["trade_id"], unique=False)


def create_order_events() -> None:
    """Create the table `order_events`."""
    op.create_table(
        "order_events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(
            "from_state IN ('denied', 'intent', 'submitting', 'accepted', 'partial', 'filled', 'cancelled',"
            " 'expired', 'rejected', 'unknown', 'manual_review')",
            name=op.f("ck_order_events_from_state_known"),
        ),
        sa.CheckConstraint(
            "to_state IN ('denied', 'intent', 'submitting', 'accepted', 'partial', 'filled', 'cancelled',"
            " 'expired', 'rejected', 'unknown', 'manual_review')",
            name=op.f("ck_order_events_to_state_known"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("fk_order_events_order_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_order_events")),
    )
    op.create_index("ix_order_events_order_id", "order_events", ["order_id"], unique=False)
