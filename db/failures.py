"""Failed attempts and dead letters."""

from __future__ import annotations

import hashlib
import traceback
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_INSERT = text("""
    INSERT INTO task_failures (signal_id, stage, error, traceback_hash, attempt, dead)
    VALUES (:signal_id, :stage, :error, :traceback_hash, :attempt, :dead)
""")


def record(
    session: Session, signal_id: UUID, *, stage: str, error: str, traceback_hash: str, attempt: int, dead: bool
) -> None:
    """Write one failed attempt; `dead` marks the last."""
    given = {"signal_id": signal_id, "stage": stage, "error": error, "traceback_hash": traceback_hash}
    session.execute(_INSERT, given | {"attempt": attempt, "dead": dead})


def hash_traceback(error: BaseException) -> str:
    """Return 16 hex digits that are equal for errors raised at the same places."""
    places = [f"{frame.filename}:{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return hashlib.sha256("\n".join([type(error).__name__, *places]).encode()).hexdigest()[:16]
