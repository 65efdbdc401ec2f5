"""What trades are counted in: currency, multiplier and rate, and the rate of each fill to the book's currency.

What was booked before was counted as the book's currency at one to one, and is written down as that.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FILL_TRADES = """
    UPDATE trades SET currency = books.base_currency, multiplier = 1, conversion = 'same', rate = 1
    FROM books WHERE books.book = trades.book
"""
FILL_FILLS = "UPDATE fills SET currency = trades.currency, rate = 1 FROM trades WHERE trades.trade_id = fills.trade_id"


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("quotes", sa.Column("rate", sa.Numeric(), nullable=True))
    op.add_column("trades", sa.Column("currency", sa.Text(), nullable=True))
    op.add_column("trades", sa.Column("multiplier", sa.Numeric(), nullable=True))
    op.add_column("trades", sa.Column("conversion", sa.Text(), nullable=True))
    op.add_column("trades", sa.Column("rate", sa.Numeric(), nullable=True))
    op.add_column("fills", sa.Column("currency", sa.Text(), nullable=True))
    op.add_column("fills", sa.Column("rate", sa.Numeric(), nullable=True))
    op.execute(FILL_TRADES)
    op.execute(FILL_FILLS)
    for table, columns in (("trades", ("currency", "conversion")), ("fills", ("currency", "rate"))):
        for column in columns:
            op.alter_column(table, column, nullable=False)
    op.create_check_constraint(
        op.f("ck_trades_conversion_known"), "trades", "conversion IN ('same', 'own_price', 'stored')"
    )
    op.create_check_constraint(op.f("ck_trades_multiplier_positive"), "trades", "multiplier > 0")
    op.create_check_constraint(op.f("ck_trades_rate_positive"), "trades", "rate > 0")
    op.create_check_constraint(
        op.f("ck_trades_traded_has_multiplier"), "trades", "status = 'denied' OR multiplier IS NOT NULL"
    )
    op.create_check_constraint(op.f("ck_fills_rate_positive"), "fills", "rate > 0")


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
