"""People's sessions in browsers: found by the SHA-256 of what the cookie holds, and ended by the database's clock."""

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
_SHOWN = 16
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
    SELECT left(session_hash, {_SHOWN}) AS shown_id, session_hash, address, user_agent, created_at, seen_at
    FROM web_sessions WHERE user_name = :user_name AND {_IS_OPEN} ORDER BY created_at DESC, session_hash
""")
_END = text("""
    UPDATE web_sessions SET ended_at = clock_timestamp()
    WHERE session_hash = :session_hash AND ended_at IS NULL RETURNING user_name
""")
_END_SHOWN = text(f"""
    UPDATE web_sessions SET ended_at = clock_timestamp()
    WHERE user_name = :user_name AND left(session_hash, {_SHOWN}) = :shown_id AND ended_at IS NULL RETURNING 1
""")
_END_ALL = text("""
    UPDATE web_sessions SET ended_at = clock_timestamp() WHERE user_name = :user_name AND ended_at IS NULL
""")
_STEP_UP = text("""
    UPDATE web_sessions SET stepped_up_until = clock_timestamp() + make_interval(secs => :stepped_up_s)
    WHERE session_hash = :session_hash AND ended_at IS NULL
""")
_FORGET = text("DELETE FROM web_sessions WHERE expires_at < clock_timestamp() - make_interval(days => :days)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUser:
    """Whose session it is, what that person may do now, and whether the password was given within five minutes."""

    user_name: str
    role: Role
    has_stepped_up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session as it is shown to its owner; `shown_id` names it and lets nobody in."""

    shown_id: str
    session_hash: str
    address: str
    user_agent: str
    created_at: datetime
    seen_at: datetime


def begin(session: Session, user_name: str, *, session_hash: str, address: str, user_agent: str) -> None:
    """Begin a session of somebody who gave the password just now; those that ended long ago are forgotten."""
    session.execute(_FORGET, {"days": _KEPT_DAYS})
    given: dict[str, Any] = {
        "session_hash": session_hash,
        "user_name": user_name,
        "address": address,
        "user_agent": user_agent,
        "longest_s": LONGEST_S,
        "stepped_up_s": STEPPED_UP_S,
    }
    session.execute(_INSERT, given)


def find(session: Session, session_hash: str) -> SessionUser | None:
    """Return whose open session this is, and note once a minute at most that it was used; None when there is none.

    A session is over half an hour after it was used last, twelve hours after it began, and when its user is disabled.
    """
    row = session.execute(_FIND, {"session_hash": session_hash} | _LIMITS).mappings().one_or_none()
    return SessionUser(**dict(row) | {"role": Role(row["role"])}) if row is not None else None


def list_open(session: Session, user_name: str) -> list[OpenSession]:
    """Return a person's open sessions, the newest first."""
    rows = session.execute(_LIST, {"user_name": user_name, "idle_s": IDLE_S}).mappings()
    return [OpenSession(**row) for row in rows]


def end(session: Session, session_hash: str) -> bool:
    """End a session; False when it was over."""
    return session.execute(_END, {"session_hash": session_hash}).one_or_none() is not None


def end_by_shown_id(session: Session, user_name: str, shown_id: str) -> bool:
    """End the session of that person which is shown under this id; False when there is none."""
    return bool(session.execute(_END_SHOWN, {"user_name": user_name, "shown_id": shown_id}).all())


def end_all(session: Session, user_name: str) -> None:
    """End all sessions of a person."""
    session.execute(_END_ALL, {"user_name": user_name})


def record_step_up(session: Session, session_hash: str) -> None:
    """Note that the person of this session gave the password once more; it counts for five minutes."""
    session.execute(_STEP_UP, {"session_hash": session_hash, "stepped_up_s": STEPPED_UP_S})
