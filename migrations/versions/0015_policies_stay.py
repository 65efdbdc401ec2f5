"""What a policy said stays: versions are added, never changed; only those of a replay go with its book.

Revision ID: 0015
Revises: 0017
"""

from alembic import op

revision = "0015"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.execute("""
        CREATE TRIGGER keep_versions BEFORE UPDATE ON policy_versions
            FOR EACH ROW EXECUTE FUNCTION refuse_any_change();
        CREATE TRIGGER keep_rows BEFORE DELETE ON policy_versions
            FOR EACH ROW EXECUTE FUNCTION refuse_removal();
        CREATE TRIGGER keep_table BEFORE TRUNCATE ON policy_versions
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_any_change();
    """)


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
