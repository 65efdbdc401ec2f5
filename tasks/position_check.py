"""Position check: the sum of our open real trades against the position that the venue reports."""

from __future__ import annotations

from decimal import Decimal

import structlog

from db import incidents
from db.queries import real_exposure
from domain.ports import VenueUnavailable
from tasks.parts import Parts

_SURE = Decimal("0.99")
log = structlog.get_logger()


def open_mismatch_incidents(parts: Parts, book: str) -> list[str]:
    """Keep an incident open for each symbol of which the venue holds less than our trades; return those symbols.

    One per cent less may be fees taken in that currency; more may be the owner's own holding. Symbols with an
    unfinished order are left for the next check.
    """
    try:
        held = {position.symbol: position.quantity for position in parts.broker(book).positions()}
    except VenueUnavailable as error:
        log.warning("venue.silent", book=book, error=str(error))
        return []
    with parts.transaction() as session:
        ours = real_exposure.load_settled_positions(session, book)
        unknown = real_exposure.list_unsettled_symbols(session, book)
        short = [symbol for symbol, quantity in ours.items() if holds_less(quantity, held.get(symbol, Decimal(0)))]
        for symbol in short:
            detail = {"ours": str(ours[symbol]), "venue": str(held.get(symbol, Decimal(0)))}
            if incidents.open_(session, kind="position_mismatch", subject=f"{book}:{symbol}", detail=detail):
                log.error("incident.opened", kind="position_mismatch", book=book, symbol=symbol, **detail)
        still = [f"{book}:{symbol}" for symbol in (*short, *unknown)]
        incidents.close_resolved(session, kind="position_mismatch", still=still)
    return short


def holds_less(ours: Decimal, venue: Decimal) -> bool:
    """Return whether the venue holds clearly less than our trades; shorts (below 0) are compared mirrored."""
    least = ours * _SURE
    return venue < least if ours > 0 else venue > least
