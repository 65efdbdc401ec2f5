"""A quota of quarantined messages per source, whose refusals are counted, and their removal after 90 days.

Revision ID: 0020
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "quarantine_refusals",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(["source"], ["sources.name"], name=op.f("fk_quarantine_refusals_source")),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_quarantine_refusals")),
    )
    op.create_index("ix_webhook_events_source", "webhook_events", ["source", "received_at"])
    op.execute("""
        CREATE FUNCTION refuse_removal_of_messages() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.book NOT IN ('live', 'paper') OR OLD.received_at < clock_timestamp() - interval '90 days' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION '% on % is refused: messages in quarantine stay for 90 days', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$;
        DROP TRIGGER keep_rows ON webhook_events;
        CREATE TRIGGER keep_rows BEFORE DELETE ON webhook_events
            FOR EACH ROW EXECUTE FUNCTION refuse_removal_of_messages();
    """)


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
