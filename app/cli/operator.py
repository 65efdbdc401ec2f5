"""The operator who runs a command: the user of the operating system."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime

from operations.audit_entry import AuditContext


def audit_context(reason: str = "") -> AuditContext:
    """Return the audit context of an operation that the present user runs now."""
    return AuditContext(actor=getpass.getuser(), reason=reason, at=datetime.now(UTC))
