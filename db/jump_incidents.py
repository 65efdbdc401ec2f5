"""Incidents about jumps of prices that look like a split or bad data, and the trades that ended before one.

While the incident about a jump is open, or was never opened as in a replay, nothing is entered on prices that have the
jump. A person who found the prices right closes the incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from db import exit_incidents, incidents
from db.core import states
from domain import price_jumps
from domain.books import opens_incidents
from domain.context import MarketContext
from domain.price_jumps import PriceJump
from domain.trade import ExitEvent, Trade

PRICE_JUMP, CONTRACT_ROLL = "price_jump", "contract_roll"
_ACCEPTED = text("""
    SELECT subject FROM incidents WHERE kind = :kind AND subject = ANY(:subjects) AND closed_at IS NOT NULL
""")
_REAL_OF_MODEL = text(f"""
    SELECT real.trade_id FROM trades AS real
    WHERE (real.experiment_id, real.engine) = (:experiment_id, :engine) AND NOT real.is_shadow
      AND real.status IN {states.UNFINISHED_TRADES}
""")
log = structlog.get_logger()


def open_about_contexts(session: Session, book: str, contexts: Iterable[MarketContext]) -> None:
    """Open an incident, once ever, about each jump in the prices of a book's contexts."""
    jumps = [(context, jump) for context in contexts if (jump := price_jumps.find_in_context(context)) is not None]
    if not jumps or not opens_incidents(book):
        return
    by_subject = {price_jumps.describe_subject(book, context.instrument, jump): jump for context, jump in jumps}
    reported = incidents.find_reported_subjects(session, kind=PRICE_JUMP, subjects=by_subject.keys())
    for subject, jump in by_subject.items():
        if subject not in reported:
            _open(session, book, subject, jump)


def find_unaccepted(session: Session, shown: Sequence[tuple[str, MarketContext]]) -> set[UUID]:
    """Return the signals whose context has a jump that no person has accepted; `shown` has each context's book."""
    subjects = {
        context.signal_id: price_jumps.describe_subject(book, context.instrument, jump)
        for book, context in shown
        if (jump := price_jumps.find_in_context(context)) is not None
    }
    if not subjects:
        return set()
    parameters = {"kind": PRICE_JUMP, "subjects": sorted(set(subjects.values()))}
    accepted = set(session.execute(_ACCEPTED, parameters).scalars())
    return {signal_id for signal_id, subject in subjects.items() if subject not in accepted}


def open_about_ended_trade(session: Session, trade: Trade, event: ExitEvent) -> None:
    """Open the incident about a model trade that ended before a jump or roll, and the real trade closed with it."""
    parameters = {"experiment_id": trade.experiment_id, "engine": trade.engine.value}
    exit_incidents.open_about_trades(
        session,
        kind=CONTRACT_ROLL if event.reason == CONTRACT_ROLL else PRICE_JUMP,
        subject=trade.trade_id,
        book=trade.book,
        real_ids=list(session.execute(_REAL_OF_MODEL, parameters).scalars()),
        symbol=trade.instrument.symbol,
        side=trade.side.value,
        before=str(event.bid or event.ask or event.last),
        after=str(event.price_after),
        ended_at=event.at.isoformat(),
        trades=[str(trade.trade_id)],
    )


def _open(session: Session, book: str, subject: str, jump: PriceJump) -> None:
    detail = {"book": book, "before": str(jump.before), "after": str(jump.after), "at": jump.at.isoformat()}
    if incidents.open_(session, kind=PRICE_JUMP, subject=subject, detail=detail):
        log.error("incident.opened", kind=PRICE_JUMP, subject=subject, book=book)
