"""What people do to the product: who does it, why and when, as it is written down in the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from db import audit
from db.core.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Who does something, why (empty where nobody asked) and when."""

    by: str
    reason: str
    at: datetime

    def write_down(self, session: Session, action: str, subject: str, **detail: Any) -> None:
        """Append it to the audit log, in the transaction that does it."""
        audit.append(
            session, actor=self.by, action=action, subject=subject, reason=self.reason, detail=detail, at=self.at
        )
