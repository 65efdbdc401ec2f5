"""Tables of operations: the audit log, incidents, notifications, canaries and periodic runs."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base


class AuditRow(Base):
    """Entry of the audit log; each entry's hash covers the entry before it, so that a change is detected."""

    __tablename__ = "audit_log"

    entry_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    reason: Mapped[str]
    detail: Mapped[dict[str, Any]]
    previous_hash: Mapped[str]
    entry_hash: Mapped[str] = mapped_column(unique=True)


class CanaryRow(Base):
    """Time of the last canary that was sent to a queue, and of the last sign of life of its workers."""

    __tablename__ = "canaries"

    queue: Mapped[str] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class DatabaseStartRow(Base):
    """A start of the product on this database; `restored_because` says how it is known to be older than the venue."""

    __tablename__ = "database_starts"

    start_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    restored_because: Mapped[str | None]


class IncidentRow(Base):
    """Condition that needs a person's attention; at most one is open for each kind and subject."""

    __tablename__ = "incidents"
    __table_args__ = (
        Index("uq_incidents_one_open", "kind", "subject", unique=True, postgresql_where=text("closed_at IS NULL")),
    )

    incident_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    kind: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    closed_at: Mapped[datetime | None]


class PeriodicRunRow(Base):
    """Entry of beat's schedule, with the time a worker last ended it."""

    __tablename__ = "periodic_runs"

    entry: Mapped[str] = mapped_column(primary_key=True)
    every_s: Mapped[Decimal]
    registered_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ran_at: Mapped[datetime | None]


class NotificationRow(Base):
    """Notification that an incident was opened or closed; sent to each service at least once.

    `told` holds the marks of the services that accepted it.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint("event IN ('opened', 'closed')", name="event_known"),
        Index("ix_notifications_due", "next_attempt_at", postgresql_where=text("sent_at IS NULL")),
    )

    incident_id: Mapped[UUID] = mapped_column(ForeignKey("incidents.incident_id"), primary_key=True)
    event: Mapped[str] = mapped_column(primary_key=True)
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    told: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
