"""Exits of a paper book that come while the exchange is closed: filled at the first price of the next session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from db import bars, exit_incidents
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from stack.servers import ServerUrls
from tasks import exit_tasks
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.fakes.set_clock import SetClock
from tests.support.pipeline import prepared, rows, run_all, store_signal

FUTURE = Instrument(symbol="ES", exchange="", kind=InstrumentKind.FUTURE)
FEED = Feed(book="paper", instrument=FUTURE, interval=Interval.parse("1m"), side=PriceSide.MID)
FRIDAY, SATURDAY = datetime(2024, 1, 5, 20, 30, tzinfo=UTC), datetime(2024, 1, 6, 12, tzinfo=UTC)
SUNDAY_OPEN, MONDAY_CLOSE = datetime(2024, 1, 7, 23, tzinfo=UTC), datetime(2024, 1, 8, 23, tzinfo=UTC)
REAL = "SELECT trade_id FROM trades WHERE NOT is_shadow AND status = 'open'"
INCIDENTS = "SELECT kind, subject, detail FROM incidents WHERE closed_at IS NULL"
EXITS = "SELECT DISTINCT filled_at, price_basis FROM fills WHERE intent = 'exit'"


class Weekend:
    """A paper book in which a future is bought on a Friday and to be sold on the Saturday after."""

    def __init__(self, parts: Parts) -> None:
        answer = answer_entering(stop="500", targets=(), hours=1000)
        self.parts = replace(parts, engines=scripted_panel(answer, answer))
        self.know_price("4999", at=FRIDAY - timedelta(minutes=30))
        self.send(FRIDAY, action="entry", price=Decimal(5000))
        self.exit_id = self.send(SATURDAY, action="exit", price=Decimal(5005))

    def send(self, at: datetime, **columns: object) -> UUID:
        """Take an alert of a moment through all stages."""
        instrument = {"symbol": "ES", "exchange": "", "instrument_kind": "future"}
        times = {"timestamp": at, "event_at": at, "received_at": at}
        signal_id = store_signal(self.parts.database, **instrument, **times, **columns)
        run_all(replace(self.parts, clock=SetClock(at)), [signal_id])
        return signal_id

    def know_price(self, price: str, *, at: datetime) -> None:
        """Store the minute that opens at a moment."""
        value = Decimal(price)
        bar = Bar(open_time=at, open=value, high=value, low=value, close=value, volume=None)
        with self.parts.transaction() as session:
            bars.add(session, FEED, [bar])

    def evaluate_exits(self, at: datetime) -> None:
        """Do what the exits worker does each second."""
        exit_tasks.walk_book(self.parts, "paper", until=at)

    def rows(self, query: str) -> list[dict[str, object]]:
        """Return rows as dictionaries."""
        return rows(self.parts.database, query)


@pytest.fixture
def weekend(database_url: str, server_urls: ServerUrls) -> Iterator[Weekend]:
    made = prepared(database_url, server_urls.redis_url)
    yield Weekend(made)
    made.database.dispose()


def test_an_exit_waits_for_the_first_price_of_the_next_session(weekend: Weekend) -> None:
    before = weekend.rows(REAL)
    weekend.know_price("5020", at=SUNDAY_OPEN)
    weekend.evaluate_exits(SUNDAY_OPEN + timedelta(minutes=1))

    assert (len(before), weekend.rows(REAL)) == (1, [])
    assert weekend.rows(EXITS) == [{"filled_at": SUNDAY_OPEN, "price_basis": "next_open"}]


def test_after_a_minute_there_is_an_incident_that_says_when_the_exchange_opens(weekend: Weekend) -> None:
    weekend.rows("UPDATE exit_results SET waits_since = now() - interval '61 s' RETURNING 1")

    weekend.evaluate_exits(SATURDAY + timedelta(hours=1))

    (incident,) = rows(weekend.parts.database, INCIDENTS)
    assert (incident["kind"], incident["subject"]) == ("exit_waits_for_opening", str(weekend.exit_id))
    assert incident["detail"]["opens_at"] == SUNDAY_OPEN.isoformat()
    with weekend.parts.transaction() as session:
        exit_incidents.close_finished(session)
    assert len(weekend.rows(INCIDENTS)) == 1

    weekend.know_price("5020", at=SUNDAY_OPEN)
    weekend.evaluate_exits(SUNDAY_OPEN + timedelta(minutes=1))
    with weekend.parts.transaction() as session:
        exit_incidents.close_finished(session)
    assert weekend.rows(INCIDENTS) == []


def test_it_takes_the_last_known_price_when_the_next_session_brings_none(weekend: Weekend) -> None:
    weekend.evaluate_exits(MONDAY_CLOSE - timedelta(minutes=1))
    during = weekend.rows(REAL)

    weekend.evaluate_exits(MONDAY_CLOSE + timedelta(minutes=1))

    assert (len(during), weekend.rows(REAL)) == (1, [])
    assert [row["price_basis"] for row in weekend.rows(EXITS)] == ["close"]
