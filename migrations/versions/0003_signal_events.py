"""Signal events: which lease wrote each stage of a signal.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.create_table(
        "signal_events",
        sa.Column("signal_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("written_by", sa.Uuid(), nullable=False),
        sa.Column("owned_by", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("stage BETWEEN 1 AND 5", name=op.f("ck_signal_events_stage_known")),
        sa.ForeignKeyConstraint(["signal_id"], ["signals.signal_id"], name=op.f("fk_signal_events_signal_id")),
        sa.PrimaryKeyConstraint("signal_id", "stage", name=op.f("pk_signal_events")),
    )
    op.execute("""
        CREATE FUNCTION refuse_change_of_stages() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' THEN
                IF (SELECT book NOT IN ('live', 'paper') FROM signals WHERE signal_id = OLD.signal_id) THEN
                    RETURN OLD;
                END IF;
            END IF;
            RAISE EXCEPTION '% on % is refused: it is append-only', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation';
        END $$;
        CREATE TRIGGER keep_events BEFORE UPDATE OR DELETE ON signal_events
            FOR EACH ROW EXECUTE FUNCTION refuse_change_of_stages();
        CREATE TRIGGER keep_table BEFORE TRUNCATE ON signal_events
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_any_change();
    """)


def downgrade() -> None:
    """Refuse: migrations go forward only."""
    raise NotImplementedError("migrations go forward only; restore a backup to go back")
