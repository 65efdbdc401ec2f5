"""Bars that arrive behind the walk of a trade: it is walked again where that can change it, else somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db import bar_import
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from stack.servers import ServerUrls
from tests.support.alert_pipeline import AlertPipeline, start_alert_pipeline
from tests.support.pipeline import rows

LONG = {"ticker": "AVAXUSDT", "action": "buy", "price": "30"}
FEED = Feed(
    book="paper",
    instrument=Instrument(symbol="AVAXUSDT", exchange="", kind=InstrumentKind.UNKNOWN),
    interval=Interval.parse("1m"),
    side=PriceSide.MID,
)
LATE = "SELECT walked_again, too_late_for, settled_at IS NOT NULL AS is_settled FROM late_bars"
NOTE = """
    INSERT INTO late_bars (book, symbol, exchange, instrument_kind, interval, side, open_time)
    SELECT book, symbol, exchange, instrument_kind, interval, side, open_time FROM bars WHERE low = 20 RETURNING 1
"""
EXITS = """
    SELECT DISTINCT reason, filled_at FROM orders JOIN fills USING (order_id)
    WHERE orders.intent = 'exit' AND orders.exit_clock = 'own'
"""


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls) as running:
        yield running


def in_minutes(number: int) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=number)


def import_fall(desk: AlertPipeline) -> datetime:
    """Import a bar of the coming minute that falls to 20; return when it closes."""
    opened, high, low = in_minutes(0), Decimal(30), Decimal(20)
    fall = Bar(open_time=opened, open=high, high=high, low=low, close=high, volume=None)
    with desk.parts.transaction() as session:
        bar_import.add_missing(session, FEED, [fall], until=in_minutes(9))
    return opened + timedelta(minutes=1)


def test_a_trade_without_an_exit_is_walked_again_from_its_entry(desk: AlertPipeline) -> None:
    desk.send(LONG)
    desk.know_price("AVAXUSDT", "30", ago_s=-180)
    desk.evaluate_exits(at=in_minutes(5))
    assert len(desk.open_real()) == 1

    closed = import_fall(desk)
    desk.evaluate_exits(at=in_minutes(5))

    assert (desk.open_real(), desk.open_models()) == ([], [])
    assert rows(desk.parts.database, EXITS) == [{"reason": "stop", "filled_at": closed}]
    assert rows(desk.parts.database, LATE) == [{"walked_again": 2, "too_late_for": 0, "is_settled": True}]
    assert desk.incidents() == []


def test_a_bar_that_changes_nothing_leaves_the_trade_as_it_was(desk: AlertPipeline) -> None:
    desk.send(LONG)
    desk.know_price("AVAXUSDT", "30", ago_s=-180)
    desk.evaluate_exits(at=in_minutes(5))
    before = desk.open_models()

    with desk.parts.transaction() as session:
        quiet = Decimal(30)
        bar = Bar(open_time=in_minutes(0), open=quiet, high=quiet, low=quiet, close=quiet, volume=None)
        bar_import.add_missing(session, FEED, [bar], until=in_minutes(9))
    desk.evaluate_exits(at=in_minutes(5))

    assert [(trade["walk"], trade["evaluated_to"]) for trade in desk.open_models()] == [
        (trade["walk"], trade["evaluated_to"]) for trade in before
    ]


def test_a_bar_that_comes_after_the_exit_of_a_trade_it_would_have_stopped_is_told(desk: AlertPipeline) -> None:
    desk.send(LONG)
    trades = {str(trade["trade_id"]) for trade in desk.open_models()}
    desk.know_price("AVAXUSDT", "35", ago_s=-180)
    desk.evaluate_exits(at=in_minutes(5))
    assert desk.open_real() == []
    ended = rows(desk.parts.database, EXITS)

    import_fall(desk)
    rows(desk.parts.database, NOTE)
    desk.evaluate_exits(at=in_minutes(5))

    assert rows(desk.parts.database, EXITS) == ended
    assert {incident["kind"] for incident in desk.incidents()} == {"late_bar"}
    assert {incident["subject"] for incident in desk.incidents()} == trades
    assert rows(desk.parts.database, LATE) == [{"walked_again": 0, "too_late_for": 2, "is_settled": True}]
