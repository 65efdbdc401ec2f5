"""How many bars the engines of a study need, what exchanges answered last, and when a source sent its last bar.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

KINDS = "('spot', 'perp', 'future', 'forex', 'stock', 'index', 'option', 'unknown')"


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("sources", sa.Column("last_bar_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("studies", sa.Column("bars_needed_a", sa.Integer(), nullable=True))
    op.add_column("studies", sa.Column("bars_needed_b", sa.Integer(), nullable=True))
    op.create_table(
        "exchange_answers",
        sa.Column("exchange", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("instrument_kind", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column(
            "answered_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("exchange", "symbol", "instrument_kind", name=op.f("pk_exchange_answers")),
        sa.CheckConstraint(f"instrument_kind IN {KINDS}", name=op.f("ck_exchange_answers_instrument_kind_known")),
    )


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
