"""Recovery from a database clock that was set back: due times further ahead than any that is ever stored are cut.

Leases, pauses and send windows go by the database's clock. After a step back they would last as much longer as the
step was wide: a signal that a dead worker held would wait for a day. After a step forward they end at once, which
costs a lease that the fencing token replaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import signals
from db.core import states
from db.notifications import LONGEST_WAIT_S

# Times up to twice as far ahead as any that is ever stored are left alone.
_MARGIN = 2
# The longest pause before an order is looked up or sent again.
_LONGEST_ORDER_PAUSE_S = 60.0
_CUT_SIGNALS = text("""
    UPDATE signals SET enqueued_at = least(enqueued_at, clock_timestamp()),
        next_attempt_at = least(next_attempt_at, clock_timestamp() + make_interval(secs => :pause_s)),
        lock_expires_at = CASE WHEN lock_expires_at IS NOT NULL
            THEN least(lock_expires_at, clock_timestamp() + make_interval(secs => :lease_s)) END
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE status = 'open' AND (lock_expires_at > clock_timestamp() + make_interval(secs => :margin * :lease_s)
            OR next_attempt_at > clock_timestamp() + make_interval(secs => :margin * :pause_s)
            OR enqueued_at > clock_timestamp() + make_interval(secs => :margin * :pause_s))
        ORDER BY seq FOR UPDATE SKIP LOCKED)
    RETURNING signal_id
""")
_CUT_ORDERS = text(f"""
    UPDATE orders SET next_check_at = least(next_check_at, clock_timestamp() + make_interval(secs => :pause_s)),
        not_after = CASE WHEN not_after IS NOT NULL
            THEN least(not_after, clock_timestamp() + make_interval(secs => :pause_s)) END
    WHERE order_id IN (
        SELECT order_id FROM orders
        WHERE state IN {states.OPEN_ORDERS}
          AND greatest(next_check_at, not_after) > clock_timestamp() + make_interval(secs => :margin * :pause_s)
        ORDER BY order_id FOR UPDATE SKIP LOCKED)
    RETURNING order_id
""")
_CUT_NOTIFICATIONS = text("""
    UPDATE notifications SET next_attempt_at = clock_timestamp()
    WHERE sent_at IS NULL AND next_attempt_at > clock_timestamp() + make_interval(secs => :margin * :pause_s)
    RETURNING incident_id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class CutTimes:
    """How many signals, orders and notifications had a due time that lay too far ahead."""

    signals: int
    orders: int
    notifications: int

    @property
    def is_any(self) -> bool:
        """True when there was one."""
        return bool(self.signals or self.orders or self.notifications)


def cut_future_times(session: Session, *, lease_s: float, backoff_s: float) -> CutTimes:
    """Bring due times that only a clock that was set back explains to where they would be if they were stored now.

    `lease_s` is how long a lease lasts, `backoff_s` the shortest pause after a failed attempt.
    """
    of_signals = {"lease_s": lease_s, "pause_s": signals.find_longest_pause_s(backoff_s), "margin": _MARGIN}
    of_orders = {"pause_s": _LONGEST_ORDER_PAUSE_S, "margin": _MARGIN}
    of_notifications = {"pause_s": LONGEST_WAIT_S, "margin": _MARGIN}
    return CutTimes(
        signals=len(session.execute(_CUT_SIGNALS, of_signals).all()),
        orders=len(session.execute(_CUT_ORDERS, of_orders).all()),
        notifications=len(session.execute(_CUT_NOTIFICATIONS, of_notifications).all()),
    )
