"""Exits that found no price: closed at the first price that comes, with an incident after a minute."""

from __future__ import annotations

from datetime import datetime

from db import exit_incidents, exit_results
from db.exit_results import WaitingExit
from tasks import exit_settlement
from tasks.exit_settlement import WantedExit
from tasks.parts import Parts

ALARM_AFTER_S = 60.0


def close_waiting(parts: Parts, book: str, *, until: datetime) -> int:
    """Close the trades of a book's alerts for which a price has come by `until`; return how many still wait."""
    with parts.transaction() as session:
        waiting = exit_results.load_waiting(session, book)
    priced = {
        alert.signal_id
        for alert in waiting
        if exit_settlement.close_at_first_price(parts, _build_wanted_exit(alert, until=until))
    }
    left = [alert for alert in waiting if alert.signal_id not in priced]
    if waiting:
        with parts.transaction() as session:
            exit_results.mark_settled(session, priced)
            for alert in (alert for alert in left if alert.waited_s >= ALARM_AFTER_S):
                exit_incidents.open_about_waiting(session, book, alert)
    return len(left)


def _build_wanted_exit(alert: WaitingExit, *, until: datetime) -> WantedExit:
    return WantedExit(trade_ids=alert.trade_ids, at=alert.received_at, until=until, is_opposite=alert.is_entry)
