"""When instruments are traded, and when their bars close."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain import trading_hours
from domain.intervals import Interval
from domain.signal import Instrument, InstrumentKind

APPLE = Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK)
BITCOIN = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
UNLISTED = Instrument(symbol="AAPL", exchange="", kind=InstrumentKind.STOCK)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instrument", "interval", "opened", "closed"),
    [
        (APPLE, "1d", "2024-01-05T14:30", "2024-01-05T21:00"),
        (APPLE, "1d", "2024-07-05T13:30", "2024-07-05T20:00"),  # in summer
        (APPLE, "1d", "2024-11-29T14:30", "2024-11-29T18:00"),  # a half day
        (APPLE, "1h", "2024-01-05T20:30", "2024-01-05T21:00"),  # the short last bar
        (APPLE, "1h", "2024-01-05T15:30", "2024-01-05T16:30"),
        (BITCOIN, "1d", "2024-01-05T00:00", "2024-01-06T00:00"),
        (UNLISTED, "1d", "2024-01-05T14:30", "2024-01-06T14:30"),
    ],
)
def test_a_bar_closes_with_its_interval_or_with_the_session_of_its_exchange(
    instrument: Instrument, interval: str, opened: str, closed: str
) -> None:
    assert trading_hours.bar_closes_at(instrument, Interval.parse(interval), at(opened)) == at(closed)


def test_a_calendar_that_is_named_comes_before_that_of_the_exchange_but_not_where_nothing_has_sessions() -> None:
    def closes(instrument: Instrument) -> datetime:
        return trading_hours.bar_closes_at(instrument, Interval.parse("1d"), at("2024-11-29T14:30"), calendar="XNYS")

    london = Instrument(symbol="AAPL", exchange="LSE", kind=InstrumentKind.STOCK)
    assert [closes(instrument) for instrument in (UNLISTED, london)] == [at("2024-11-29T18:00")] * 2
    assert closes(BITCOIN) == at("2024-11-30T14:30")


def test_stocks_trade_in_their_session_and_crypto_always() -> None:
    night = at("2024-01-05T22:00")

    assert not trading_hours.is_in_session(APPLE, night)
    assert trading_hours.is_in_session(APPLE, at("2024-01-05T15:00"))
    assert trading_hours.is_in_session(BITCOIN, night)
    assert trading_hours.is_in_session(UNLISTED, night)


@pytest.mark.parametrize(
    ("instrument", "decided", "deadline"),
    [
        (APPLE, "2024-01-05T21:00", "2024-01-08T21:00"),  # Friday evening: the end of Monday's session
        (BITCOIN, "2024-01-05T21:00", "2024-01-06T21:00"),
        (UNLISTED, "2024-01-05T21:00", "2024-01-08T21:00"),
    ],
)
def test_an_entry_waits_until_the_end_of_the_next_session(instrument: Instrument, decided: str, deadline: str) -> None:
    assert trading_hours.compute_fill_deadline(instrument, at(decided)) == at(deadline)


@pytest.mark.parametrize(
    ("instrument", "calendar", "moment", "opening"),
    [
        (APPLE, None, "2024-01-05T15:00", None),  # it is open
        (APPLE, None, "2024-01-05T21:00", "2024-01-08T14:30"),
        (UNLISTED, "XNYS", "2024-01-06T12:00", "2024-01-08T14:30"),
        (UNLISTED, "XHKG", "2024-01-05T04:30", "2024-01-05T05:00"),  # the break at noon
        (UNLISTED, None, "2024-01-06T12:00", None),  # nothing is known
        (UNLISTED, "nowhere", "2024-01-06T12:00", None),
        (APPLE, "nowhere", "2024-01-06T12:00", "2024-01-08T14:30"),
        (APPLE, "24/7", "2024-01-06T12:00", None),
        (BITCOIN, "XNYS", "2024-01-06T12:00", None),
        (APPLE, None, "2040-01-06T12:00", None),  # beyond the last session that is known
    ],
)
def test_an_instrument_out_of_session_opens_with_the_next_part_of_one(
    instrument: Instrument, calendar: str | None, moment: str, opening: str | None
) -> None:
    found = trading_hours.find_opening(instrument, at(moment), calendar=calendar)

    assert found == (None if opening is None else at(opening))
