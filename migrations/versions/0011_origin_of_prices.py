"""The origin of each stored quote's prices and of each fill's, and until when a trade without a price waits for one.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BASES = "('live', 'alert', 'open', 'close', 'next_open', 'level', 'venue', 'unknown')"


def upgrade() -> None:
    """Apply this revision."""
    _add_basis("quotes", "basis")
    _add_basis("fills", "price_basis")
    op.add_column("trades", sa.Column("fill_by", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_trades_only_pending_waits"), "trades", "fill_by IS NULL OR status = 'pending'")
    op.create_index("ix_trades_waiting", "trades", ["book"], postgresql_where=sa.text("fill_by IS NOT NULL"))


def _add_basis(table: str, column: str) -> None:
    """Add a column with the origin of a price, which is not known of the rows that are there."""
    op.add_column(table, sa.Column(column, sa.Text(), server_default="unknown", nullable=False))
    op.alter_column(table, column, server_default=None)
    op.create_check_constraint(op.f(f"ck_{table}_{column}_known"), table, f"{column} IN {BASES}")


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
