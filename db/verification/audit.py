"""Rules about the audit log: nothing in it was changed, taken out or put in between."""

from __future__ import annotations

from db import audit
from db.verification.rule import RecomputationRule, VerificationRule

RULES: tuple[VerificationRule, ...] = (
    RecomputationRule(
        "audit_chain", "each audit entry follows from the one before it and has its own hash", audit.find_broken_entries
    ),
)
