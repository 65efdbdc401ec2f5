"""What holding a trade has cost: funding of perpetuals and swap of currencies, part of its P&L.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("trade_outcomes", sa.Column("holding_cost", sa.Numeric(), server_default="0", nullable=False))


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
