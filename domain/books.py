"""Books: separate sets of signals and trades. The three standing ones run on the wall clock, a replay has its own."""

from __future__ import annotations

LIVE_BOOK = "live"
PAPER_BOOK = "paper"
TEST_BOOK = "test"
STANDING_BOOKS = (LIVE_BOOK, PAPER_BOOK, TEST_BOOK)
# A replay and test alerts need no person.
BOOKS_WITH_INCIDENTS = (LIVE_BOOK, PAPER_BOOK)
REPLAY_PREFIX = "replay:"
DEFAULT_CURRENCY = "USD"


def is_replay_book(book: str) -> bool:
    """Return whether the book belongs to a replay: its clock is a stored cursor, and its bars come from files."""
    return book.startswith(REPLAY_PREFIX)


def may_call_out(book: str) -> bool:
    """Return whether exchanges may be asked for a book although no setting names one: not for tests and replays."""
    return book in (LIVE_BOOK, PAPER_BOOK)


def opens_incidents(book: str) -> bool:
    """Return whether what happens in a book needs a person: not in a replay, and not for test alerts."""
    return book in BOOKS_WITH_INCIDENTS
