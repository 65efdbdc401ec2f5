"""Look-ups of orders whose fate is unknown, flatten, redrive, incidents, canaries and the audit log.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATES = (
    "'denied', 'intent', 'submitting', 'accepted', 'partial', 'filled', 'cancelled', 'expired', 'rejected',"
    " 'unknown', 'resubmit_ok', 'manual_review'"
)
OPEN = "('intent', 'submitting', 'accepted', 'partial', 'unknown', 'resubmit_ok', 'manual_review')"
CHECKED = (("orders", "state"), ("order_events", "from_state"), ("order_events", "to_state"))
KEPT = ("signals", "orders", "webhook_events")


def upgrade() -> None:
    """Apply this revision."""
    for table, column in CHECKED:
        op.drop_constraint(f"ck_{table}_{column}_known", table)
        op.create_check_constraint(op.f(f"ck_{table}_{column}_known"), table, f"{column} IN ({STATES})")
    op.add_column("orders", sa.Column("account", sa.Text(), server_default="", nullable=False))
    op.add_column("orders", sa.Column("not_after", sa.DateTime(timezone=True), nullable=True))
    op.add_column("orders", sa.Column("venue_order_id", sa.Text(), nullable=True))
    op.add_column(
        "orders",
        sa.Column(
            "next_check_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
    )
    op.add_column("orders", sa.Column("checks", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_orders_sent_has_end"),
        "orders",
        "state NOT IN ('submitting', 'unknown') OR venue IN ('model', 'paper') OR not_after IS NOT NULL",
    )
    op.drop_index("uq_orders_one_open_exit", "orders")
    op.drop_index("ix_orders_open", "orders")
    op.create_index(
        "uq_orders_one_open_exit",
        "orders",
        ["trade_id", "exit_clock"],
        unique=True,
        postgresql_where=sa.text(f"intent = 'exit' AND state IN {OPEN}"),
    )
    op.create_index(
        "ix_orders_due", "orders", ["next_check_at"], unique=False, postgresql_where=sa.text(f"state IN {OPEN}")
    )
    op.add_column(
        "policy_versions", sa.Column("flatten", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.create_check_constraint(op.f("ck_policy_versions_flatten_is_paused"), "policy_versions", "paused OR NOT flatten")
    op.add_column("webhook_events", sa.Column("redriven_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("webhook_events", sa.Column("redriven_signal_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_webhook_events_redriven_signal_id"), "webhook_events", "signals", ["redriven_signal_id"], ["signal_id"]
    )
    op.create_table(
        "audit_log",
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("previous_hash", sa.Text(), nullable=False),
        sa.Column("entry_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entry_id", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("entry_hash", name=op.f("uq_audit_log_entry_hash")),
    )
    op.create_table(
        "canaries",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_canaries")),
    )
    op.create_table(
        "incidents",
        sa.Column("incident_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incidents")),
    )
    op.create_index(
        "uq_incidents_one_open",
        "incidents",
        ["kind", "subject"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.execute("""
        CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF OLD.book NOT IN ('live', 'paper') THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '% on % is refused: what happened in a book stays', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$;
        CREATE FUNCTION refuse_change_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF (SELECT book NOT IN ('live', 'paper') FROM orders WHERE order_id = OLD.order_id) THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$;
        CREATE FUNCTION refuse_any_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$;
        CREATE TRIGGER keep_events BEFORE UPDATE OR DELETE ON order_events
            FOR EACH ROW EXECUTE FUNCTION refuse_change_of_events();
        CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON audit_log
            FOR EACH ROW EXECUTE FUNCTION refuse_any_change();
    """)
    for table in KEPT:
        op.execute(f"CREATE TRIGGER keep_rows BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_removal()")
    for table in (*KEPT, "order_events", "audit_log"):
        op.execute(
            f"CREATE TRIGGER keep_table BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_any_change()"
        )


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
