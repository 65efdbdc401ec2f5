"""What became of each alert that closes a side, trades that are closed by hand, and how many a source may hold at once.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_RESULTS = "'closes', 'nothing_open', 'outdated', 'ambiguous', 'missed'"


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "exit_results",
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("trade_ids", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("differs", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column(
            "decided_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"result IN ({_RESULTS})", name=op.f("ck_exit_results_result_known")),
        sa.CheckConstraint("waits_since IS NULL OR result = 'closes'", name=op.f("ck_exit_results_only_closing_waits")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.signal_id"], name=op.f("fk_exit_results_signal_id")),
        sa.PrimaryKeyConstraint("signal_id", name=op.f("pk_exit_results")),
    )
    op.create_index(
        "ix_exit_results_waiting",
        "exit_results",
        ["signal_id"],
        postgresql_where=sa.text("waits_since IS NOT NULL AND settled_at IS NULL"),
    )
    op.create_index("ix_signals_source_symbol", "signals", ["book", "source", "symbol", "received_at"])
    op.add_column("trades", sa.Column("close_requested_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_trades_close_requested",
        "trades",
        ["book"],
        postgresql_where=sa.text("close_requested_at IS NOT NULL AND status IN ('pending', 'open')"),
    )
    op.add_column("sources", sa.Column("pyramiding", sa.Integer(), server_default="1", nullable=False))
    op.create_check_constraint(op.f("ck_sources_pyramiding_positive"), "sources", "pyramiding > 0")


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
