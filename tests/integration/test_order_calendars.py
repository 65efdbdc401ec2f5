"""The trading calendar by which an order fills: of the instrument's stored terms, or of the source that names one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from domain.signal import Instrument, InstrumentKind
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.pipeline import prepared, rows
from tests.support.replayed_book import ReplayedBook, bars_of, list_violations

FUTURE = Instrument(symbol="ES", exchange="", kind=InstrumentKind.FUTURE)
FRIDAY_TO_MONDAY = """
    2024-01-05T20:00:00+00:00 5000 5010 4990 5000
    2024-01-05T21:00:00+00:00 5000 5010 4990 5000
    2024-01-07T23:00:00+00:00 5020 5030 5010 5020
    2024-01-08T00:00:00+00:00 5020 5030 5010 5020
"""
FRIDAY, SATURDAY = "2024-01-05T20:30:00+00:00", "2024-01-06T12:00:00+00:00"
SUNDAY_OPEN = datetime(2024, 1, 7, 23, tzinfo=UTC)


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


@pytest.fixture
def book(parts: Parts) -> ReplayedBook:
    """Give a book with hourly bars of a future that is named without an exchange, over a weekend."""
    made = ReplayedBook(parts=parts, instrument=FUTURE)
    made.load({"1h": bars_of(FRIDAY_TO_MONDAY, interval="1h")})
    made.enter_with(quantity="1", stop="500", targets=(), hours=1000)
    return made


def set_calendar(parts: Parts, name: str) -> None:
    with parts.transaction() as session:
        session.execute(text("UPDATE sources SET calendar = :name WHERE name = 'tests'"), {"name": name})


def test_a_future_named_without_an_exchange_fills_no_order_while_its_exchange_rests(book: ReplayedBook) -> None:
    book.alert(SATURDAY, price="5005")
    waiting = rows(book.parts.database, "SELECT DISTINCT status, fill_by FROM trades")
    book.move_to(datetime(2024, 1, 8, 1, tzinfo=UTC))

    (entry,) = book.fills()

    assert [(row["status"], row["fill_by"] > SUNDAY_OPEN) for row in waiting] == [("pending", True)]
    assert (entry["price_basis"], entry["filled_at"]) == ("next_open", SUNDAY_OPEN)
    assert list_violations(book.parts) == []


def test_an_exit_of_such_a_future_waits_for_the_open_as_well(book: ReplayedBook) -> None:
    book.alert(FRIDAY, price="5000")
    book.exit(SATURDAY, price="5005")
    book.move_to(datetime(2024, 1, 8, 1, tzinfo=UTC))

    entry, leaving = book.fills()

    assert entry["price_basis"] == "alert"
    assert (leaving["price_basis"], leaving["filled_at"]) == ("next_open", SUNDAY_OPEN)


def test_the_calendar_that_a_source_names_comes_before_that_of_the_instrument(book: ReplayedBook) -> None:
    set_calendar(book.parts, "24/7")

    book.alert(SATURDAY, price="5005")

    (entry,) = book.fills()
    assert entry["price_basis"] == "alert"


def test_the_calendar_of_a_source_says_when_stocks_without_an_exchange_are_traded(parts: Parts) -> None:
    set_calendar(parts, "XNYS")
    stock = ReplayedBook(parts=parts, instrument=Instrument(symbol="AAPL", exchange="", kind=InstrumentKind.STOCK))
    stock.load({"1h": bars_of(FRIDAY_TO_MONDAY, interval="1h")})
    stock.enter_with(quantity="1", stop="500", targets=(), hours=1000)

    stock.alert(SATURDAY, price="5005")

    waits = rows(parts.database, "SELECT DISTINCT status, fill_by FROM trades")
    assert waits == [{"status": "pending", "fill_by": datetime(2024, 1, 8, 21, tzinfo=UTC)}]
