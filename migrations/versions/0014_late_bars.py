"""The calendar of a source, and the bars that arrived after newer ones of their symbol.

Revision ID: 0014
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0016"
branch_labels = None
depends_on = None

KEY = ("book", "symbol", "exchange", "instrument_kind", "interval", "side", "open_time")


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("sources", sa.Column("calendar", sa.Text(), nullable=True))
    op.create_table(
        "late_bars",
        *(sa.Column(name, sa.Text(), nullable=False) for name in KEY[:-1]),
        sa.Column("open_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("walked_again", sa.Integer(), nullable=True),
        sa.Column("too_late_for", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint(*KEY, name=op.f("pk_late_bars")),
        sa.ForeignKeyConstraint(
            KEY, [f"bars.{name}" for name in KEY], name=op.f("fk_late_bars_book_bars"), ondelete="CASCADE"
        ),
    )
    op.create_index("ix_late_bars_pending", "late_bars", ["book"], postgresql_where=sa.text("settled_at IS NULL"))


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
