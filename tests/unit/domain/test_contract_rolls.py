"""Rolls of continuous futures: nothing is booked across a gap that may be one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from domain import contract_rolls, exits
from domain.context import Bar, BarSeries, PriceSide
from domain.exits import ExitReason, WalkResult
from domain.fills import DEFAULT
from domain.intervals import Interval
from domain.ports import WalkBars
from domain.signal import Instrument, InstrumentKind
from tests.support.builders.trades import a_trade

ES = Instrument(symbol="ES", exchange="CME_MINI", kind=InstrumentKind.FUTURE)
CONTRACT = replace(ES, symbol="ESZ2026")
ROLL_WEEK, QUIET_WEEK = datetime(2026, 12, 14, 21, tzinfo=UTC), datetime(2026, 11, 9, 21, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(at: datetime, price: str) -> Bar:
    value = Decimal(price)
    return Bar(open_time=at, open=value, high=value, low=value, close=value, volume=None)


def walk_over_pause(instrument: Instrument, ended_at: datetime, *, opens: str, pause: timedelta = HOUR) -> WalkResult:
    """Walk a trade from 100 over the last bar of a session and the first of the next one."""
    entry_at = ended_at - HOUR
    bars = (hourly(entry_at, "100"), hourly(ended_at + pause, opens))
    trade = a_trade(instrument=instrument, entry_at=entry_at, time_limit_at=ended_at + timedelta(days=9))
    series = BarSeries(interval=Interval.parse("1h"), side=PriceSide.BID, bars=bars)
    return exits.walk(trade, WalkBars(series=(series,)), model=DEFAULT, until=ended_at + timedelta(days=1))


def test_a_trade_ends_at_the_last_price_before_the_next_contract() -> None:
    walked = walk_over_pause(ES, ROLL_WEEK, opens="101")

    (event,) = walked.events
    assert (event.reason, event.at, event.bid) == (ExitReason.CONTRACT_ROLL, ROLL_WEEK, Decimal(100))
    assert (event.price_after, walked.state.remaining) == (Decimal(101), Decimal(0))


@pytest.mark.parametrize(
    ("instrument", "ended_at", "opens", "pause"),
    [
        (ES, QUIET_WEEK, "101", HOUR),
        (ES, ROLL_WEEK, "100.2", HOUR),
        (ES, ROLL_WEEK, "101", timedelta(0)),
        (CONTRACT, ROLL_WEEK, "101", HOUR),
        (replace(ES, kind=InstrumentKind.STOCK), ROLL_WEEK, "101", HOUR),
    ],
    ids=["no roll at that time", "no gap", "no pause", "a named contract", "no future"],
)
def test_other_gaps_are_walked(instrument: Instrument, ended_at: datetime, opens: str, pause: timedelta) -> None:
    assert walk_over_pause(instrument, ended_at, opens=opens, pause=pause).events == ()


def test_a_bar_of_which_only_the_close_counts_opens_no_session() -> None:
    entry_at = ROLL_WEEK - timedelta(minutes=55)
    trade = a_trade(instrument=ES, entry_at=entry_at, time_limit_at=ROLL_WEEK + HOUR)
    series = BarSeries(interval=Interval.parse("1h"), side=PriceSide.BID, bars=(hourly(ROLL_WEEK - HOUR, "101"),))

    walked = exits.walk(trade, WalkBars(series=(series,)), model=DEFAULT, until=ROLL_WEEK)

    assert (walked.events, walked.evaluated_to) == ((), ROLL_WEEK)


def test_each_daily_bar_is_a_session_of_its_own() -> None:
    opened = ROLL_WEEK - timedelta(hours=22)

    assert contract_rolls.is_roll(
        ES, Decimal(100), Decimal(99), ended_at=opened, opened_at=opened, closes_at=opened + timedelta(hours=23)
    )


@pytest.mark.parametrize(
    ("root", "day", "may_roll"),
    [
        ("ES", date(2026, 12, 3), False),
        ("ES", date(2026, 12, 4), True),
        ("MNQ", date(2026, 12, 18), True),
        ("6E", date(2026, 12, 22), False),
        ("ES", date(2026, 10, 12), False),
        ("CL", date(2026, 10, 11), False),
        ("CL", date(2026, 10, 20), True),
        ("GC", date(2026, 11, 30), True),
    ],
)
def test_rolls_happen_before_the_contract_of_their_kind_expires(root: str, day: date, may_roll: bool) -> None:
    assert contract_rolls.may_roll(root, day) is may_roll


@pytest.mark.parametrize(
    ("symbol", "is_continuous"),
    [("ES", True), ("6E", True), ("ESZ6", False), ("ES09-26", False), ("BTCUSDT260327", False)],
)
def test_a_continuous_future_names_no_contract(symbol: str, is_continuous: bool) -> None:
    assert contract_rolls.is_continuous(replace(ES, symbol=symbol)) is is_continuous
