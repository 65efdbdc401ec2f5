"""Failed attempts of stages; the last one of a dead signal is its dead letter."""

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
    """Insert a failed attempt; `dead` marks the last one, after which the signal is given up."""
    parameters = {"signal_id": signal_id, "stage": stage, "error": error, "traceback_hash": traceback_hash}
    session.execute(_INSERT, parameters | {"attempt": attempt, "dead": dead})


def hash_traceback(error: BaseException) -> str:
    """Return 16 hex digits that are equal for errors of one type raised at the same lines."""
    lines = [f"{frame.filename}:{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return hashlib.sha256("\n".join([type(error).__name__, *lines]).encode()).hexdigest()[:16]
