"""The audit log: who did what and why, chained by hashes so that a changed or removed entry is detected.

The chain does not show that entries were removed at its end; the log event `audit.appended` names each new end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import canonical

BEGINNING = "0" * 64
log = structlog.get_logger()

_COLUMNS = "entry_id, at, actor, action, subject, reason, detail, previous_hash, entry_hash"
_LAST = text("SELECT entry_id, entry_hash FROM audit_log ORDER BY entry_id DESC LIMIT 1")
_INSERT = text("""
    INSERT INTO audit_log (entry_id, at, actor, action, subject, reason, detail, previous_hash, entry_hash)
    VALUES (:entry_id, :at, :actor, :action, :subject, :reason, cast(:detail AS jsonb), :previous_hash, :entry_hash)
""")


def append(
    session: Session, *, actor: str, action: str, subject: str, reason: str, detail: dict[str, Any], at: datetime
) -> None:
    """Append one entry; a lock makes concurrent transactions append one after the other.

    `detail` holds JSON values without floats, `at` is aware UTC.

    Raises:
        TypeError: when `detail` holds a float, which may come back from the database in another spelling.
    """
    canonical.to_json_values(detail)
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('audit', 0))"))
    last = session.execute(_LAST).one_or_none()
    entry_id, previous = (1, BEGINNING) if last is None else (last.entry_id + 1, last.entry_hash)
    entry = {
        "entry_id": entry_id,
        "at": at,
        "actor": actor,
        "action": action,
        "subject": subject,
        "reason": reason,
        "detail": detail,
        "previous_hash": previous,
    }
    entry_hash = _hash_entry(entry)
    session.execute(_INSERT, entry | {"detail": json.dumps(detail), "entry_hash": entry_hash})
    log.info("audit.appended", entry_id=entry_id, entry_hash=entry_hash, action=action, subject=subject, actor=actor)


def find_broken_entries(session: Session) -> Iterator[str]:
    """Yield the ids of entries that do not follow from the entry before, or whose hash is wrong."""
    previous, expected = BEGINNING, 1
    for row in session.execute(text(f"SELECT {_COLUMNS} FROM audit_log ORDER BY entry_id")).mappings():
        entry = {name: row[name] for name in row if name != "entry_hash"}
        if (row["entry_id"], row["previous_hash"], row["entry_hash"]) != (expected, previous, _hash_entry(entry)):
            yield str(row["entry_id"])
        previous, expected = row["entry_hash"], row["entry_id"] + 1


def _hash_entry(entry: dict[str, Any]) -> str:
    """Return the hash of an entry, with its detail as JSON text, in which 1 and "1" differ."""
    return canonical.digest(entry | {"detail": json.dumps(entry["detail"], sort_keys=True)})
