"""Instruments: currency, multiplier, tick, lot, minimum and calendar, filled from the data file.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.orm import Session

from db import instruments

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KINDS = "'spot', 'perp', 'future', 'forex', 'stock', 'index', 'option', 'unknown'"


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "instruments",
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("multiplier", sa.Numeric(), nullable=False),
        sa.Column("tick", sa.Numeric(), nullable=True),
        sa.Column("lot", sa.Numeric(), nullable=True),
        sa.Column("min_notional", sa.Numeric(), nullable=True),
        sa.Column("calendar", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(f"kind IN ({KINDS})", name=op.f("ck_instruments_kind_known")),
        sa.CheckConstraint("origin IN ('shipped', 'user')", name=op.f("ck_instruments_origin_known")),
        sa.CheckConstraint("multiplier > 0", name=op.f("ck_instruments_multiplier_positive")),
        sa.CheckConstraint("tick > 0", name=op.f("ck_instruments_tick_positive")),
        sa.CheckConstraint("lot > 0", name=op.f("ck_instruments_lot_positive")),
        sa.CheckConstraint("min_notional > 0", name=op.f("ck_instruments_min_notional_positive")),
        sa.PrimaryKeyConstraint("symbol", "exchange", "kind", name=op.f("pk_instruments")),
    )
    instruments.store_shipped(Session(op.get_bind()))


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
