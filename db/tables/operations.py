"""Tables of how the product is run: what people did, what needs one, and whether the queues move."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base


class AuditRow(Base):
    """What somebody did and why; each entry's hash covers the one before it, so that none can be changed unseen."""

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
    """When a queue was last sent a sign of life to return, and when its worker last did."""

    __tablename__ = "canaries"

    queue: Mapped[str] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]


class IncidentRow(Base):
    """What needs a person: at most one open incident of a kind about a subject."""

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


class NotificationRow(Base):
    """One telling of an incident: that it was opened, or that it is over; sent at least once, until it is told.

    `told` holds the marks of the services that took it.
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
