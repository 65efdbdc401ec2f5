"""Books: their kinds, their clocks and the capital they refer to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from db.core.session import Database
from domain.books import DEFAULT_CURRENCY, STANDING_BOOKS, is_replay_book


class ReplayExists(ValueError):
    """A book for a replay of the same input exists already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Kind and capital of a book; `cursor` is the clock of a replay, None for other books."""

    book: str
    kind: str
    cursor: datetime | None
    reference_capital: Decimal
    max_leverage: Decimal
    base_currency: str

    @property
    def max_notional(self) -> Decimal:
        """The largest value of one position, in the book's currency."""
        return self.reference_capital * self.max_leverage


def ensure_standing(session: Session) -> None:
    """Create the live, paper and test books when they are missing."""
    session.execute(
        text(
            "INSERT INTO books (book, kind) SELECT name, name FROM unnest(cast(:names AS text[])) AS name"
            " ON CONFLICT DO NOTHING"
        ),
        {"names": list(STANDING_BOOKS)},
    )


def create_replay(
    session: Session,
    book: str,
    *,
    cursor: datetime,
    base_currency: str = DEFAULT_CURRENCY,
    max_leverage: Decimal = Decimal(1),
) -> None:
    """Create a replay's book with its clock at `cursor`, and the currency that its money is counted in.

    One position of it may be worth `max_leverage` times its capital.

    Raises:
        ReplayExists: when a book of that name exists.
    """
    query = text(
        "INSERT INTO books (book, kind, cursor, exits_to, base_currency, max_leverage) VALUES"
        " (:book, 'replay', :cursor, :cursor, :base_currency, :max_leverage) ON CONFLICT DO NOTHING RETURNING book"
    )
    parameters = {"book": book, "cursor": cursor, "base_currency": base_currency, "max_leverage": max_leverage}
    if session.execute(query, parameters).one_or_none() is None:
        raise ReplayExists(book)


def load(session: Session, names: Collection[str]) -> dict[str, Book]:
    """Return the named books that exist."""
    query = text(
        "SELECT book, kind, cursor, reference_capital, max_leverage, base_currency FROM books WHERE book = ANY(:names)"
    )
    return {row["book"]: Book(**row) for row in session.execute(query, {"names": list(set(names))}).mappings()}


def move_cursor(session: Session, book: str, *, to: datetime) -> None:
    """Move a replay's clock forward; it never goes back."""
    session.execute(
        text("UPDATE books SET cursor = greatest(cursor, :to) WHERE book = :book AND kind = 'replay'"),
        {"book": book, "to": to},
    )


def record_exits_evaluated_to(session: Session, book: str, *, to: datetime) -> None:
    """Record that all exits of the book are evaluated up to `to`."""
    session.execute(
        text("UPDATE books SET exits_to = greatest(coalesce(exits_to, :to), :to) WHERE book = :book"),
        {"book": book, "to": to},
    )


def load_exits_evaluated_to(session: Session, book: str) -> datetime | None:
    """Return the time up to which the book's exits are evaluated."""
    return session.execute(text("SELECT exits_to FROM books WHERE book = :book"), {"book": book}).scalar_one_or_none()


def list_with_open_trades(session: Session) -> list[str]:
    """Return the names of the books, other than replays, that have pending or open trades."""
    query = text(
        "SELECT book FROM books WHERE kind <> 'replay'"
        " AND EXISTS (SELECT FROM trades WHERE trades.book = books.book"
        f" AND status IN {states.UNFINISHED_TRADES})"
        " ORDER BY book"
    )
    return list(session.execute(query).scalars())


class StoredBookClock:
    """Clock of the books: the cursor of a replay, else the wall clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self, book: str) -> datetime:
        """Return the present moment on the book's clock, aware UTC."""
        if not is_replay_book(book):
            return datetime.now(UTC)
        with self._database.transaction() as session:
            cursor = session.execute(text("SELECT cursor FROM books WHERE book = :book"), {"book": book}).scalar_one()
        assert isinstance(cursor, datetime)  # noqa: S101 - a CHECK says that a replay has one
        return cursor
