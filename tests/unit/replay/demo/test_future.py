"""The demo's future: bars made of trades, and alerts at the second in which a trade left a range."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

import pytest

from alerts import understand
from domain.context import Bar
from domain.signal import Action, InstrumentKind, NewSignal, Position
from replay import alert_files, bar_files, demo
from replay.alert_files import LoggedAlert
from replay.demo import make_future
from replay.demo.make_future import LENGTHS, WARM_UP_BARS, RangeBreakout
from tests.unit.replay.demo.test_demo import SOURCE

_UPSTREAM = (
    "DateTime,Price,Volume\n"
    "2013-09-01 17:00:00.083,1640.25,8\n"
    "2013-09-01 17:00:59.900,1641.0,2\n"
    "2013-09-01 17:02:00.000,1639.5,1\n"
)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What an alert says."""

    length: int
    bar_open: datetime
    fired_at: datetime
    price: Decimal
    position: Position


@cache
def _bars() -> tuple[Bar, ...]:
    file = bar_files.inspect_bar_file(bar_files.parse_spec(demo.FUTURE.bars_spec))
    return tuple(bar_files.read_bars(file))


@cache
def _alerts() -> tuple[LoggedAlert, ...]:
    return alert_files.read_alert_file(demo.FUTURE.alerts).alerts


def test_trades_become_bars_of_a_minute_in_utc_and_a_minute_without_a_trade_has_none() -> None:
    bars, breaks = make_future.find_breaks(make_future.read_trades(_UPSTREAM))

    assert breaks == []
    assert make_future.render_bars(bars) == (
        "timestamp,open,high,low,close,volume\n"
        "2013-09-01T22:00:00Z,1640.25,1641.0,1640.25,1641.0,10\n"
        "2013-09-01T22:02:00Z,1639.5,1639.5,1639.5,1639.5,1\n"
    )


def test_another_upstream_header_is_refused() -> None:
    with pytest.raises(ValueError, match="the header is"):
        list(make_future.read_trades("Date,Open\n"))


def test_the_rule_turns_at_the_first_price_beyond_the_range_of_closed_bars_and_once_only() -> None:
    rule = RangeBreakout(2)
    turned_before = rule.turn_at(Decimal(99))
    for low, high in ((Decimal(100), Decimal(104)), (Decimal(101), Decimal(105))):
        at = datetime(2013, 9, 2, tzinfo=UTC)
        rule.add_bar(Bar(open_time=at, open=low, high=high, low=low, close=high, volume=None))

    turns = [rule.turn_at(Decimal(price)) for price in ("105", "105.25", "106", "100", "99.75", "99")]

    assert turned_before is None
    assert turns == [None, Position.LONG, None, None, Position.SHORT, None]


def test_the_alerts_are_exactly_those_that_their_rules_send_by_the_bundled_bars() -> None:
    expected = [found for length in LENGTHS for found in _turns_by_bars(length)]

    told = [_read(alert) for alert in _alerts()]

    assert sorted((one.length, one.bar_open, one.position.value) for one in told) == sorted(expected)


def test_every_alert_has_a_price_of_its_bar_beyond_the_range_and_fires_within_its_minute() -> None:
    by_open = {bar.open_time: place for place, bar in enumerate(_bars())}

    for one in map(_read, _alerts()):
        place = by_open[one.bar_open]
        before = _bars()[place - one.length : place]
        highest, lowest = max(bar.high for bar in before), min(bar.low for bar in before)
        assert one.price > highest if one.position is Position.LONG else one.price < lowest
        assert _bars()[place].low <= one.price <= _bars()[place].high
        assert one.bar_open < one.fired_at <= one.bar_open + timedelta(minutes=1)


def test_alerts_fire_at_any_second() -> None:
    assert len({alert.fired_at.second for alert in _alerts()}) > 30


def test_the_webhook_understands_every_alert() -> None:
    for alert in _alerts():
        (signal,) = understand.understand(alert.body, SOURCE)
        assert isinstance(signal, NewSignal)
        assert (signal.symbol, signal.instrument_kind, str(signal.timeframe)) == ("ES", InstrumentKind.FUTURE, "1m")
        assert (signal.event_at, signal.action) == (alert.fired_at, Action.ENTRY)
        assert signal.price is not None


def _turns_by_bars(length: int) -> list[tuple[int, datetime, str]]:
    """Return the minutes in which a rule turns, by bars alone; in none of them both sides of the range are left."""
    turns, position = list[tuple[int, datetime, str]](), ""
    for place in range(WARM_UP_BARS, len(_bars())):
        bar, before = _bars()[place], _bars()[place - length : place]
        is_above = bar.high > max(past.high for past in before)
        is_below = bar.low < min(past.low for past in before)
        assert not (is_above and is_below)
        side = "long" if is_above else "short" if is_below else ""
        if side and side != position:
            position = side
            turns.append((length, bar.open_time, side))
    return turns


def _read(alert: LoggedAlert) -> Told:
    message = json.loads(alert.body, parse_float=Decimal)
    return Told(
        length=int(message["strategy"].removeprefix("range_")),
        bar_open=datetime.fromisoformat(message["time"]),
        fired_at=alert.fired_at,
        price=Decimal(message["price"]),
        position=Position(message["direction"]),
    )
