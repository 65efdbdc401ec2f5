"""The last run of each periodic task, and vacuum settings of the tables whose rows change all the time.

Revision ID: 0017
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None

# Rows of these change several times and then stay. Free space in each page lets a new version of a row stay beside the
# old one without touching the indexes; vacuum comes after a share of changes that does not grow with the table.
_CHANGING = ("signals", "orders", "trades")
_CHANGING_OPTIONS = "fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02"
# A few rows each, changed every second.
_SMALL = ("canaries", "periodic_runs")
_SMALL_OPTIONS = "fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200"


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "periodic_runs",
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("every_s", sa.Numeric(), nullable=False),
        sa.Column(
            "registered_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ran_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_periodic_runs")),
    )
    for tables, options in ((_CHANGING, _CHANGING_OPTIONS), (_SMALL, _SMALL_OPTIONS)):
        for table in tables:
            op.execute(f"ALTER TABLE {table} SET ({options})")


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
