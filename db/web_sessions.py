"""Web sessions of users: found by the SHA-256 of the cookie's secret, and expired by the database's clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.access import Role

IDLE_S, LONGEST_S, STEPPED_UP_S = 30 * 60, 12 * 3600, 5 * 60
_SEEN_EVERY_S = 60
_KEPT_DAYS = 30
_SHOWN_ID_LENGTH = 16
_LIMITS = {"idle_s": IDLE_S, "seen_every_s": _SEEN_EVERY_S}
_IS_OPEN = """ended_at IS NULL AND expires_at > clock_timestamp()
    AND seen_at > clock_timestamp() - make_interval(secs => :idle_s)"""
_INSERT = text("""
    INSERT INTO web_sessions (session_hash, user_name, address, user_agent, created_at, seen_at, expires_at,
        stepped_up_until)
    VALUES (:session_hash, :user_name, :address, :user_agent, clock_timestamp(), clock_timestamp(),
        clock_timestamp() + make_interval(secs => :longest_s),
        clock_timestamp() + make_interval(secs => :stepped_up_s))
""")
_FIND = text(f"""
    WITH found AS (
        SELECT session_hash, user_name, role, stepped_up_until > clock_timestamp() AS has_stepped_up,
            seen_at <= clock_timestamp() - make_interval(secs => :seen_every_s) AS is_due
        FROM web_sessions JOIN users ON name = user_name
        WHERE session_hash = :session_hash AND enabled AND {_IS_OPEN}
    ), seen AS (
        UPDATE web_sessions SET seen_at = clock_timestamp() FROM found
        WHERE web_sessions.session_hash = found.session_hash AND is_due
    )
    SELECT user_name, role, coalesce(has_stepped_up, false) AS has_stepped_up FROM found
""")
_LIST = text(f"""
    SELECT left(session_hash, {_SHOWN_ID_LENGTH}) AS shown_id, session_hash, address, user_agent, created_at, seen_at
    FROM web_sessions WHERE user_name = :user_name AND {_IS_OPEN} ORDER BY created_at DESC, session_hash
""")
_END = text("""
    UPDATE web_sessions SET ended_at = clock_timestamp()
    WHERE session_hash = :session_hash AND ended_at IS NULL RETURNING user_name
""")
_END_BY_SHOWN_ID = text(f"""
    UPDATE web_sessions SET ended_at = clock_timestamp()
    WHERE user_name = :user_name AND left(session_hash, {_SHOWN_ID_LENGTH}) = :shown_id AND ended_at IS NULL RETURNING 1
""")
_END_ALL = text("""
    UPDATE web_sessions SET ended_at = clock_timestamp() WHERE user_name = :user_name AND ended_at IS NULL
""")
_STEP_UP = text("""
    UPDATE web_sessions SET stepped_up_until = clock_timestamp() + make_interval(secs => :stepped_up_s)
    WHERE session_hash = :session_hash AND ended_at IS NULL
""")
_DELETE_OLD = text("DELETE FROM web_sessions WHERE expires_at < clock_timestamp() - make_interval(days => :days)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUser:
    """User of an open session; `has_stepped_up` when the password was given within the last five minutes."""

    user_name: str
    role: Role
    has_stepped_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """Session as it is shown to its user; `shown_id` names it but does not open it."""

    shown_id: str
    session_hash: str
    address: str
    user_agent: str
    created_at: datetime
    seen_at: datetime


def begin(session: Session, user_name: str, *, session_hash: str, address: str, user_agent: str) -> None:
    """Insert a session of a user who gave the password just now, and delete sessions that ended long ago."""
    session.execute(_DELETE_OLD, {"days": _KEPT_DAYS})
    parameters: dict[str, Any] = {
        "session_hash": session_hash,
        "user_name": user_name,
        "address": address,
        "user_agent": user_agent,
        "longest_s": LONGEST_S,
        "stepped_up_s": STEPPED_UP_S,
    }
    session.execute(_INSERT, parameters)


def find(session: Session, session_hash: str) -> SessionUser | None:
    """Return the user of an open session and record its use, at most once a minute; None when it is not open.

    A session ends half an hour after its last use, twelve hours after it began, and when its user is disabled.
    """
    row = session.execute(_FIND, {"session_hash": session_hash} | _LIMITS).mappings().one_or_none()
    return SessionUser(**dict(row) | {"role": Role(row["role"])}) if row is not None else None


def list_open(session: Session, user_name: str) -> list[OpenSession]:
    """Return a user's open sessions, newest first."""
    rows = session.execute(_LIST, {"user_name": user_name, "idle_s": IDLE_S}).mappings()
    return [OpenSession(**row) for row in rows]


def end(session: Session, session_hash: str) -> bool:
    """End a session; return False when it had ended already."""
    return session.execute(_END, {"session_hash": session_hash}).one_or_none() is not None


def end_by_shown_id(session: Session, user_name: str, shown_id: str) -> bool:
    """End the session of a user that is shown under this id; return False when there is none."""
    return bool(session.execute(_END_BY_SHOWN_ID, {"user_name": user_name, "shown_id": shown_id}).all())


def end_all(session: Session, user_name: str) -> None:
    """End all sessions of a user."""
    session.execute(_END_ALL, {"user_name": user_name})


def record_step_up(session: Session, session_hash: str) -> None:
    """Record that the user of the session gave the password again, which is valid for five minutes."""
    session.execute(_STEP_UP, {"session_hash": session_hash, "stepped_up_s": STEPPED_UP_S})
