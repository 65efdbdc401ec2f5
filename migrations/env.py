"""Alembic environment: runs the migrations on the connection that db.core.migrate passes in."""

from __future__ import annotations

from alembic import context

from db.tables import access, exits, experiments, instruments, operations, signals, trades
from db.tables.base import Base

_ONE_OF_EACH = {
    access.UserRow,
    exits.ExitResultRow,
    experiments.StudyRow,
    instruments.InstrumentRow,
    signals.SignalRow,
    operations.AuditRow,
    trades.TradeRow,
}
assert {mapper.class_ for mapper in Base.registry.mappers} >= _ONE_OF_EACH  # noqa: S101 - all are loaded

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
