"""Runs the migrations on the connection that db.migrate hands over."""

from __future__ import annotations

from alembic import context

from db import access_models, experiment_models, models, operation_models, trade_models
from db.base import Base

_ONE_OF_EACH = {
    access_models.UserRow,
    experiment_models.StudyRow,
    models.SignalRow,
    operation_models.AuditRow,
    trade_models.TradeRow,
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
