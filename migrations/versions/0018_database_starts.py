"""Starts of the product, so that exits of trades from before a start are looked up at the venue before they are sent.

Revision ID: 0018
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "database_starts",
        sa.Column("start_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column(
            "started_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("restored_because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("start_id", name=op.f("pk_database_starts")),
    )
    op.execute("""
        CREATE TRIGGER keep_starts BEFORE UPDATE OR DELETE ON database_starts
            FOR EACH ROW EXECUTE FUNCTION refuse_any_change();
        CREATE TRIGGER keep_table BEFORE TRUNCATE ON database_starts
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_any_change();
    """)


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
