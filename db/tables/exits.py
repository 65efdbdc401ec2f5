"""Table of exits: what became of each alert that closes a side."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from domain.exit_matching import ExitResult


class ExitResultRow(Base):
    """The trades that an alert closes, decided once; `settled_at` is when they were closed.

    `trade_ids` holds model trades, whose real trades follow. `differs` names the fields in which a loosely matched
    alert differs from them. `waits_since` is set when there was no price to close at.
    """

    __tablename__ = "exit_results"
    __table_args__ = (
        one_of("result", ExitResult),
        CheckConstraint("waits_since IS NULL OR result = 'closes'", name="only_closing_waits"),
        Index(
            "ix_exit_results_waiting",
            "signal_id",
            postgresql_where=text("waits_since IS NOT NULL AND settled_at IS NULL"),
        ),
    )

    signal_id: Mapped[UUID] = mapped_column(ForeignKey("signals.signal_id"), primary_key=True)
    result: Mapped[str]
    trade_ids: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    differs: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    decided_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    waits_since: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
