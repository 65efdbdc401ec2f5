"""A study with one entry of each kind: both traded, only B, none, and one whose A is still open."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from domain.decision import EngineSlot, Verdict
from domain.study import ExitClock
from tests.support.builders import rows, trade_rows

A, B = EngineSlot.A, EngineSlot.B
SYNC, OWN = ExitClock.SYNCHRONIZED, ExitClock.OWN
LATER = rows.MONDAY + timedelta(days=2)


def a_small_study(session: Session, *, book: str = "paper", name: str = "first") -> rows.Terms:
    """Insert the study; on the synchronized clock A earns 8 and B 21, and three pairs have ended."""
    terms = rows.some_terms(session, book=book, name=name)
    exits = {SYNC: (LATER, Decimal("1.2")), OWN: (LATER + timedelta(days=1), Decimal("1.4"))}
    both = rows.a_decided_entry(session, terms, verdicts=dict.fromkeys(EngineSlot, Verdict.ENTER))
    trade_rows.a_closed_trade(session, both, A, exit_at=exits)
    trade_rows.a_closed_trade(session, both, B, exit_at=exits, quantity=Decimal(300))
    trade_rows.a_closed_trade(session, both, A, is_shadow=False, exit_at=exits)
    only_b = rows.a_decided_entry(session, terms, verdicts={B: Verdict.ENTER})
    trade_rows.no_trade(session, only_b, A)
    trade_rows.a_closed_trade(session, only_b, B, exit_at=dict.fromkeys(ExitClock, (LATER, Decimal("1.05"))))
    none = rows.a_decided_entry(session, terms, verdicts={A: Verdict.REJECT})
    for engine in EngineSlot:
        trade_rows.no_trade(session, none, engine)
    still_open = rows.a_decided_entry(session, terms, verdicts={A: Verdict.ENTER})
    trade_rows.an_open_trade(session, still_open, A)
    trade_rows.no_trade(session, still_open, B)
    return terms
