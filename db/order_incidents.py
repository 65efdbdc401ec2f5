"""Incidents about orders whose state was in doubt: they end by themselves once it is known."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states

MANUAL_REVIEW, UNKNOWN, MISSING = "order_manual_review", "order_unknown", "order_missing"
_CLOSE_SETTLED = text(f"""
    UPDATE incidents SET closed_at = clock_timestamp() FROM orders
    WHERE closed_at IS NULL AND kind = ANY(:kinds) AND order_id::text = subject AND CASE kind
        WHEN '{UNKNOWN}' THEN state NOT IN {states.DOUBTFUL_ORDERS}
        WHEN '{MISSING}' THEN state NOT IN {states.WORKING_ORDERS}
        ELSE state <> 'manual_review' END
""")


def close_settled(session: Session) -> None:
    """Close the incidents about orders whose state is no longer the one that they are about."""
    session.execute(_CLOSE_SETTLED, {"kinds": [MANUAL_REVIEW, UNKNOWN, MISSING]})
