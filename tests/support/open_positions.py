"""A paper book with real trades that are open, as entries leave them that went through every stage."""

from __future__ import annotations

from dataclasses import dataclass

from db.core.session import Database
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.pipeline import add_trend, prepared, run_all, store_signal, with_engines


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBook:
    """The paper book of a prepared database, in which engine A trades for real."""

    parts: Parts

    @property
    def database(self) -> Database:
        """The database."""
        return self.parts.database

    def enter(self, count: int = 1) -> None:
        """Open real trades, one for each entry."""
        ids = [store_signal(self.database, strategy=f"strategy {number}") for number in range(count)]
        run_all(self.parts, ids)


def an_open_book(database_url: str, *, count: int) -> OpenBook:
    """Prepare a database and open real trades in its paper book."""
    parts = prepared(database_url, "redis://127.0.0.1:1")
    add_trend(parts.database)
    book = OpenBook(parts=with_engines(parts, scripted_panel(answer_entering(), answer_entering())))
    book.enter(count)
    return book
