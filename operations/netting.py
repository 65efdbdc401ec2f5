"""Netting: what is said of several sources that trade one symbol on the account of the live book.

A venue nets them: it shows one position, the sum. Our books keep the trades apart; each exit closes its own quantity.
"""

from __future__ import annotations

from db import sources
from db.core.session import Session
from db.queries import shared_symbols
from domain.books import LIVE_BOOK
from domain.signal import Source

_WHAT_HAPPENS = "the venue nets them to one position; trades are kept apart here, and each exit closes its own quantity"


def describe_for_source(session: Session, source: Source) -> str | None:
    """Return what to know about a source of the live book beside others; None when it is alone there."""
    others = [
        stored.source.name
        for stored in sources.list_all(session)
        if stored.source.book == LIVE_BOOK and stored.enabled and stored.source.name != source.name
    ]
    if source.book != LIVE_BOOK or not others:
        return None
    return f"{', '.join(others)} post to the book {LIVE_BOOK} too: where two sources trade one symbol, {_WHAT_HAPPENS}"


def describe_for_policy(session: Session, book: str) -> str | None:
    """Return what to know before several sources trade the live book for real; None for other books and one source."""
    names = [
        stored.source.name for stored in sources.list_all(session) if stored.source.book == LIVE_BOOK and stored.enabled
    ]
    if book != LIVE_BOOK or len(names) < 2:
        return None
    return f"{', '.join(names)} post to the book {LIVE_BOOK}: where two sources trade one symbol, {_WHAT_HAPPENS}"


def describe_shared_symbols(session: Session) -> str:
    """Return which symbols several sources of the live book have traded, and what that means at the venue."""
    shared = shared_symbols.load(session, LIVE_BOOK)
    if not shared:
        return "no symbol has alerts of several sources"
    named = "; ".join(f"{symbol} by {', '.join(names)}" for symbol, names in shared.items())
    return f"{named}: {_WHAT_HAPPENS}"
