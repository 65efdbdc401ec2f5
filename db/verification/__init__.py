"""The invariants of the database, each checked by a query that finds the rows which violate it."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.verification import audit, hashes, money, orders, pairs, prices, signals, trades
from db.verification.rule import VerificationFinding, VerificationRule

RULES: tuple[VerificationRule, ...] = (
    *signals.RULES,
    *pairs.RULES,
    *hashes.RULES,
    *trades.RULES,
    *orders.RULES,
    *prices.RULES,
    *money.RULES,
    *audit.RULES,
)


def check(session: Session) -> list[VerificationFinding]:
    """Check every rule and return a finding for each, in a fixed order; call it within one snapshot."""
    session.execute(text("SET LOCAL statement_timeout = '10min'"))
    return [rule.find(session) for rule in RULES]
