"""Runs the migrations on the connection that db.migrate hands over."""

from __future__ import annotations

from alembic import context

from db import experiment_models, models, operation_models, trade_models
from db.base import Base

assert {models.SignalRow, experiment_models.StudyRow, trade_models.TradeRow, operation_models.AuditRow} <= {  # noqa: S101 - all are loaded
    mapper.class_ for mapper in Base.registry.mappers
}

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
