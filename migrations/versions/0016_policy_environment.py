"""The values of the policy's variables that a start saw last, for each book, so that only a changed one counts.

Until now the newest version set by `environment` stood for them, with defaults where a variable was unset.

Revision ID: 0016
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0012"
branch_labels = None
depends_on = None

VARIABLES = "('EXECUTION_MODE', 'POLICY_VERSION', 'SPLIT_PERCENTAGE')"
SEEN_SO_FAR = """
    INSERT INTO policy_environment (book, variable, value)
    SELECT book, variable, value FROM (
        SELECT DISTINCT ON (book) book, mode, label, split_ppm FROM policy_versions WHERE set_by = 'environment'
        ORDER BY book, policy_version_id DESC) AS newest
    CROSS JOIN LATERAL (VALUES
        ('EXECUTION_MODE', mode),
        ('POLICY_VERSION', split_part(label, '.', 1)),
        ('SPLIT_PERCENTAGE', trim_scale(split_ppm / 1000000.0)::text)) AS seen (variable, value)
"""


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "policy_environment",
        sa.Column("book", sa.Text(), nullable=False),
        sa.Column("variable", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint(f"variable IN {VARIABLES}", name=op.f("ck_policy_environment_variable_known")),
        sa.ForeignKeyConstraint(["book"], ["books.book"], name=op.f("fk_policy_environment_book")),
        sa.PrimaryKeyConstraint("book", "variable", name=op.f("pk_policy_environment")),
    )
    op.execute(SEEN_SO_FAR)


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
