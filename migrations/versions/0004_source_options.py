"""Options for reading the alerts of a source, a second token while one is replaced, and the fields of each meaning.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column(
        "signals", sa.Column("read_from", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)
    )
    op.add_column("sources", sa.Column("dialect", sa.Text(), nullable=True))
    op.add_column(
        "sources", sa.Column("symbols", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)
    )
    op.add_column("sources", sa.Column("heartbeat_s", sa.Integer(), nullable=True))
    op.add_column("sources", sa.Column("previous_token_hash", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("previous_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "sources", sa.Column("renewed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )
    op.create_index("ix_signals_source_stored_at", "signals", ["source", "stored_at"])
    op.create_unique_constraint(op.f("uq_sources_previous_token_hash"), "sources", ["previous_token_hash"])
    op.create_check_constraint(op.f("ck_sources_heartbeat_positive"), "sources", "heartbeat_s > 0")
    op.create_check_constraint(
        op.f("ck_sources_previous_token_ends"), "sources", "(previous_token_hash IS NULL) = (previous_until IS NULL)"
    )


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
