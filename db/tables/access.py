"""Tables of access: users, their sessions and API tokens, and accounts at venues."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, func, text
from sqlalchemy.orm import Mapped, mapped_column

from db.tables.base import Base, one_of
from domain.access import Role


class UserRow(Base):
    """User with the Argon2id hash of the password; `failures` counts wrong passwords since the last right one."""

    __tablename__ = "users"
    __table_args__ = (one_of("role", Role), CheckConstraint("failures >= 0", name="failures_counted"))

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    password_hash: Mapped[str]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    failures: Mapped[int] = mapped_column(server_default="0")
    locked_until: Mapped[datetime | None]
    password_set_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class WebSessionRow(Base):
    """Session of a user in a browser, found by the SHA-256 of the cookie's secret."""

    __tablename__ = "web_sessions"

    session_hash: Mapped[str] = mapped_column(primary_key=True)
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    address: Mapped[str]
    user_agent: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    stepped_up_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ApiTokenRow(Base):
    """API token: it acts for a user, within its scopes and the user's role."""

    __tablename__ = "api_tokens"

    token_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    label: Mapped[str]
    user_name: Mapped[str] = mapped_column(ForeignKey("users.name"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AccountRow(Base):
    """Account at a venue, with keys encrypted under SECRET_KEY; it is never changed, only added and disabled.

    Without keys it uses those of BROKER_KEY and BROKER_SECRET.
    """

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("(key_encrypted IS NULL) = (secret_encrypted IS NULL)", name="keys_together"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    venue: Mapped[str]
    key_encrypted: Mapped[bytes | None]
    secret_encrypted: Mapped[bytes | None]
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LiveSwitchRow(Base):
    """Change of the account on which the live book trades (NULL: none), with its author, reason and time."""

    __tablename__ = "live_switches"

    switch_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account: Mapped[str | None] = mapped_column(ForeignKey("accounts.name"))
    actor: Mapped[str]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
