"""What counts as a jump of a price, and what a walk does with one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import exits, price_jumps
from domain.context import BarSeries, PriceBasis, PriceSide, Quality, Quote
from domain.exits import ExitReason
from domain.fills import DEFAULT
from domain.signal import Direction, InstrumentKind
from tests.support.builders.trades import INSTRUMENT, ONE_MINUTE, a_bar, a_plan, a_trade, dec, minute, walk_bars

SPLIT = "50 51 49 50"
QUIET = "100 101 99 100"
FUTURE = replace(INSTRUMENT, kind=InstrumentKind.FUTURE)


@pytest.mark.parametrize(
    ("before", "after", "is_split"),
    [
        ("100", "50", True),
        ("100", "49.1", True),
        ("100", "48.9", False),
        ("100", "51.1", False),
        ("10", "100", True),
        ("1", "50", True),
        ("100", "66.7", False),
        ("100", "131", False),
        ("100", "100", False),
    ],
)
def test_a_whole_multiple_of_the_price_before_looks_like_a_split(before: str, after: str, is_split: bool) -> None:
    assert price_jumps.looks_like_split(dec(before), dec(after)) is is_split
    assert price_jumps.looks_like_split(dec(after), dec(before)) is is_split


@pytest.mark.parametrize(
    ("kind", "is_jump"), [(kind, kind.value in ("forex", "index", "future")) for kind in InstrumentKind]
)
def test_a_third_within_a_bar_is_a_jump_where_that_is_not_usual(kind: InstrumentKind, is_jump: bool) -> None:
    prices = (dec(100), dec(101), dec(65), dec(99))

    assert (price_jumps.find_jump(dec(100), prices, kind=kind) is not None) is is_jump


def test_without_a_price_before_there_is_no_jump() -> None:
    assert price_jumps.find_jump(None, (dec(50),), kind=InstrumentKind.STOCK) is None


def test_the_newest_jump_of_a_series_is_found_and_that_to_the_current_price_before_it() -> None:
    bars = (a_bar(0, "200 201 199 200"), a_bar(1, QUIET), a_bar(2, QUIET))
    series = BarSeries(interval=ONE_MINUTE, side=PriceSide.MID, bars=bars)

    within = price_jumps.find_newest(series, dec(101), kind=InstrumentKind.STOCK)
    current = price_jumps.find_newest(series, dec(10), kind=InstrumentKind.STOCK)

    assert within is not None
    assert (within.at, within.before, within.after) == (minute(1), dec(200), dec(100))
    assert current is not None
    assert (current.at, current.before, current.after) == (minute(3), dec(100), dec(10))


def test_the_last_bar_of_a_series_may_be_the_one_that_jumps() -> None:
    series = BarSeries(interval=ONE_MINUTE, side=PriceSide.MID, bars=(a_bar(0, QUIET), a_bar(1, SPLIT)))

    jump = price_jumps.find_newest(series, None, kind=InstrumentKind.STOCK)

    assert jump is not None
    assert (jump.at, jump.before, jump.after) == (minute(1), dec(100), dec(50))
    quiet = replace(series, bars=(a_bar(0, QUIET),))
    assert price_jumps.find_newest(quiet, dec(100), kind=InstrumentKind.STOCK) is None


@pytest.mark.parametrize(("exchange", "name"), [("NASDAQ", "NASDAQ:AAPL"), ("", "AAPL")])
def test_an_incident_about_a_jump_is_named_by_book_market_and_time(exchange: str, name: str) -> None:
    instrument = replace(INSTRUMENT, symbol="AAPL", exchange=exchange)
    jump = price_jumps.PriceJump(at=minute(1), before=dec(100), after=dec(50))

    assert price_jumps.describe_subject("paper", instrument, jump) == f"paper {name} {minute(1):%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("side", list(Direction))
def test_a_trade_ends_at_the_last_price_before_a_jump(side: Direction) -> None:
    bars = [a_bar(0, QUIET), a_bar(1, "100 102 99 101"), a_bar(2, SPLIT), a_bar(3, SPLIT)]

    walked = exits.walk(
        a_trade(a_plan(side, stop="1" if side is Direction.LONG else "999")),
        walk_bars(bid=bars, ask=bars),
        model=DEFAULT,
        until=minute(9),
    )

    (event,) = walked.events
    assert (event.reason, event.at, event.is_final) == (ExitReason.PRICE_JUMP, minute(2), True)
    assert (event.bid if side is Direction.LONG else event.ask) == dec(101)
    assert (event.price_after, walked.evaluated_to, walked.state.remaining) == (dec(50), minute(2), dec(0))


def test_a_jump_right_after_the_entry_ends_the_trade_at_the_price_of_its_entry() -> None:
    entered = a_trade(entry_at=minute(1))

    walked = exits.walk(entered, walk_bars(bid=[a_bar(1, SPLIT)]), model=DEFAULT, until=minute(9))

    (event,) = walked.events
    assert (event.reason, event.at, event.bid) == (ExitReason.PRICE_JUMP, minute(1), dec(100))


def test_a_jump_comes_before_stop_and_time_limit_of_its_bar() -> None:
    trade = a_trade(instrument=FUTURE, time_limit_at=minute(1))

    walked = exits.walk(
        trade, walk_bars(mid=[a_bar(0, QUIET), a_bar(1, "100 100 60 90")]), model=DEFAULT, until=minute(9)
    )

    assert [event.reason for event in walked.events] == [ExitReason.PRICE_JUMP]


def test_a_trade_that_was_stored_without_a_price_is_walked_as_before() -> None:
    trade = a_trade()
    old = replace(trade, walk=replace(trade.walk, price=None))

    walked = exits.walk(old, walk_bars(bid=[a_bar(0, SPLIT)]), model=DEFAULT, until=minute(9))

    assert [event.reason for event in walked.events] == [ExitReason.STOP]


def an_exit_quote() -> Quote:
    return Quote(at=minute(5), bid=None, ask=None, last=None, quality=Quality.LIVE, basis=PriceBasis.LIVE)


@pytest.mark.parametrize("side", list(Direction))
@pytest.mark.parametrize(("price", "reason", "booked"), [("98", "exit_signal", "98"), ("200", "price_jump", "100")])
def test_an_exit_alert_at_a_price_that_jumped_closes_at_the_last_one_before(
    price: str, reason: str, booked: str, side: Direction
) -> None:
    quote = replace(an_exit_quote(), bid=dec(price), ask=dec(price))

    event = exits.build_closing_event(a_trade(a_plan(side)), quote=quote, at=minute(5), reason=ExitReason.EXIT_SIGNAL)

    assert (event.reason, event.bid if side is Direction.LONG else event.ask) == (reason, dec(booked))
