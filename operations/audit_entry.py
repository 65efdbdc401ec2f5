"""The audit entry of an operation; every operation writes its entry through `AuditContext`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import audit
from db.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditContext:
    """Actor, reason (empty where none is asked for) and time of an operation, as its audit entry records them."""

    actor: str
    reason: str = ""
    at: datetime

    def write_entry(self, session: Session, action: str, subject: str, **detail: Any) -> None:
        """Append the entry to the audit log, in the transaction that carries out the operation."""
        audit.append(
            session, actor=self.actor, action=action, subject=subject, reason=self.reason, detail=detail, at=self.at
        )
