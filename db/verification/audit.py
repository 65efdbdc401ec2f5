"""Rules about the audit log: no entry in it was changed, removed or inserted."""

from __future__ import annotations

from db import audit
from db.verification.rule import RecomputationRule, VerificationRule

RULES: tuple[VerificationRule, ...] = (
    RecomputationRule(
        "audit_chain", "each audit entry follows from the one before it and has its own hash", audit.find_broken_entries
    ),
)
