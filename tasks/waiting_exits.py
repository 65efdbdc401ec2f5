"""Exits that found no price: closed at the first price that comes, with an incident after a minute.

It says when the exchange opens, where that is closed.
"""

from __future__ import annotations

from datetime import datetime

from db import contexts, exit_incidents, exit_results, trade_walks
from db.exit_results import WaitingExit
from domain import trading_hours
from tasks import exit_settlement
from tasks.exit_prices import WantedExit
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
        late = [alert for alert in left if alert.waited_s >= ALARM_AFTER_S]
        openings = [_find_opening(parts, alert, at=until) for alert in late]
        with parts.transaction() as session:
            exit_results.mark_settled(session, priced)
            for alert, opens_at in zip(late, openings, strict=True):
                exit_incidents.open_about_waiting(session, book, alert, opens_at=opens_at)
    return len(left)


def _find_opening(parts: Parts, alert: WaitingExit, *, at: datetime) -> datetime | None:
    """Return when the exchange opens at which the trades of an alert can be closed; None while it is open."""
    with parts.transaction() as session:
        left = trade_walks.load_walkable(session, alert.trade_ids)
        calendars = contexts.load_calendars(session, [trade.trade_id for trade in left])
    openings = (
        trading_hours.find_opening(trade.instrument, at, calendar=calendars.get(trade.trade_id)) for trade in left
    )
    return min(filter(None, openings), default=None)


def _build_wanted_exit(alert: WaitingExit, *, until: datetime) -> WantedExit:
    return WantedExit(trade_ids=alert.trade_ids, at=alert.received_at, until=until, is_opposite=alert.is_entry)
