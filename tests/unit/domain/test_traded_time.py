"""Time for which an instrument is traded between two moments: sessions, breaks and weekends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain import trading_hours
from domain.signal import Instrument, InstrumentKind

BITCOIN = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
APPLE = Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK)
EURO = Instrument(symbol="EURUSD", exchange="", kind=InstrumentKind.FOREX)
TOKYO = Instrument(symbol="7203", exchange="TSE", kind=InstrumentKind.STOCK)
FRIDAY = datetime(2026, 3, 6, 19, tzinfo=UTC)  # the session of New York closes at 21:00
MONDAY = datetime(2026, 3, 9, 14, tzinfo=UTC)  # it opens at 13:30, since summer time began


@pytest.mark.parametrize(
    ("instrument", "after", "before", "hours"),
    [
        (BITCOIN, FRIDAY, MONDAY, 67),
        (APPLE, FRIDAY, MONDAY, 2.5),
        (APPLE, FRIDAY + timedelta(hours=4), MONDAY - timedelta(hours=1), 0),
        (EURO, FRIDAY, MONDAY, 67 - 51),
        (EURO, FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2), 0),
        (EURO, MONDAY + timedelta(days=2), MONDAY + timedelta(days=3), 24),
        (EURO, FRIDAY, MONDAY + timedelta(days=7), 67 + 168 - 2 * 51),
        (BITCOIN, MONDAY, FRIDAY, 0),
    ],
)
def test_only_time_in_which_the_market_is_open_counts(
    instrument: Instrument, after: datetime, before: datetime, hours: float
) -> None:
    assert trading_hours.count_traded_time(instrument, after, before) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("instrument", "after", "before", "is_traded"),
    [
        (BITCOIN, "2026-03-07T00:00", "2026-03-07T00:01", True),
        (APPLE, "2026-03-06T20:59", "2026-03-06T21:00", True),
        (APPLE, "2026-03-06T21:00", "2026-03-09T13:30", False),
        (APPLE, "2026-03-06T21:00", "2026-03-09T13:31", True),
        (EURO, "2026-03-06T19:59", "2026-03-08T23:00", True),
        (EURO, "2026-03-06T20:00", "2026-03-08T23:00", False),
        (EURO, "2026-03-06T20:00", "2026-03-08T23:01", True),
        (TOKYO, "2026-03-04T02:29", "2026-03-04T02:30", True),
        (TOKYO, "2026-03-04T02:30", "2026-03-04T03:30", False),
        (TOKYO, "2026-03-04T02:30", "2026-03-04T03:31", True),
    ],
)
def test_a_market_rests_in_the_pauses_of_its_exchange_and_at_weekends(
    instrument: Instrument, after: str, before: str, *, is_traded: bool
) -> None:
    begin, end = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (after, before))

    assert trading_hours.is_traded_between(instrument, begin, end) is is_traded


def test_a_break_within_a_session_does_not_count() -> None:
    morning, evening = datetime(2026, 3, 4, tzinfo=UTC), datetime(2026, 3, 4, 10, tzinfo=UTC)

    calendar = trading_hours.find_calendar(TOKYO)
    assert calendar is not None
    session = calendar.session_at(morning)
    assert session is not None
    assert session.break_starts_at is not None
    assert session.break_ends_at is not None
    pause = session.break_ends_at - session.break_starts_at

    traded = trading_hours.count_traded_time(TOKYO, morning, evening)

    assert traded == session.closes_at - session.opens_at - pause
