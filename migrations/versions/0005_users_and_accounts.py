"""Users, their sessions and tokens, accounts at venues, notifications of incidents, and positions stated by alerts.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "users",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", TIME, nullable=True),
        sa.Column("password_set_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_users_role_known")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_users_failures_counted")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_table(
        "web_sessions",
        sa.Column("session_hash", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("stepped_up_until", TIME, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name=op.f("fk_web_sessions_user_name")),
        sa.PrimaryKeyConstraint("session_hash", name=op.f("pk_web_sessions")),
    )
    op.create_index(op.f("ix_web_sessions_user_name"), "web_sessions", ["user_name"])
    op.create_table(
        "api_tokens",
        sa.Column("token_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("user_name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.JSONB(none_as_null=True), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["user_name"], ["users.name"], name=op.f("fk_api_tokens_user_name")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_tokens_token_hash")),
    )
    op.create_index(op.f("ix_api_tokens_user_name"), "api_tokens", ["user_name"])
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("venue", sa.Text(), nullable=False),
        sa.Column("key_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("secret_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("created_at", TIME, server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(key_encrypted IS NULL) = (secret_encrypted IS NULL)", name=op.f("ck_accounts_keys_together")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_accounts")),
    )
    op.create_table(
        "notifications",
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("sent_at", TIME, nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("told", postgresql.JSONB(none_as_null=True), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.CheckConstraint("event IN ('opened', 'closed')", name=op.f("ck_notifications_event_known")),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.incident_id"], name=op.f("fk_notifications_incident_id")),
        sa.PrimaryKeyConstraint("incident_id", "event", name=op.f("pk_notifications")),
    )
    op.create_index(
        "ix_notifications_due", "notifications", ["next_attempt_at"], postgresql_where=sa.text("sent_at IS NULL")
    )
    op.add_column("books", sa.Column("live_account", sa.Text(), nullable=True))
    op.create_foreign_key(op.f("fk_books_live_account"), "books", "accounts", ["live_account"], ["name"])
    op.create_check_constraint(op.f("ck_books_only_live_has_account"), "books", "live_account IS NULL OR kind = 'live'")
    op.create_table(
        "live_switches",
        sa.Column("switch_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", TIME, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name=op.f("fk_live_switches_account")),
        sa.PrimaryKeyConstraint("switch_id", name=op.f("pk_live_switches")),
    )
    op.execute("""
        CREATE TRIGGER keep_switches BEFORE UPDATE OR DELETE ON live_switches
            FOR EACH ROW EXECUTE FUNCTION refuse_any_change();
        CREATE TRIGGER keep_table BEFORE TRUNCATE ON live_switches
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_any_change();
    """)
    op.add_column("sources", sa.Column("sizing", sa.Numeric(), server_default="1", nullable=False))
    op.create_check_constraint(op.f("ck_sources_sizing_is_a_share"), "sources", "sizing > 0 AND sizing <= 1")
    op.add_column("signals", sa.Column("sequence", sa.BigInteger(), nullable=True))
    for column in ("position_before", "position_after"):
        op.add_column("signals", sa.Column(column, sa.Text(), nullable=True))
        op.create_check_constraint(
            op.f(f"ck_signals_{column}_known"), "signals", f"{column} IN ('long', 'short', 'flat')"
        )
    op.create_index(
        "ix_signals_told",
        "signals",
        [
            "source",
            "symbol",
            "strategy",
            "exchange",
            "instrument_kind",
            "book",
            sa.text("coalesce(timeframe, '')"),
            sa.text("(coalesce(event_at, timestamp, received_at))"),
        ],
        postgresql_where=sa.text("coalesce(sequence::text, position_before, position_after) IS NOT NULL"),
    )
    op.create_index("ix_orders_real", "orders", ["book", "state"], postgresql_where=sa.text("venue <> 'model'"))
    op.create_index("ix_signals_dead", "signals", ["book"], postgresql_where=sa.text("status = 'dead'"))

    # The lists of the API go through these in order.
    op.create_index("ix_signals_received_at", "signals", ["received_at"], postgresql_using="brin")
    op.create_index("ix_webhook_events_received_at", "webhook_events", ["received_at", "event_id"])
    op.create_index("ix_experiments_created_at", "experiments", ["created_at", "experiment_id"])
    op.create_index("ix_trades_created_at", "trades", ["created_at", "trade_id"])


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
