"""The days over which returns are measured."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from domain.comparison import trading_days
from domain.comparison.trading_days import TradingDays

# A week from Saturday to Friday with Martin Luther King's day on its Monday.
FIRST, LAST = date(2026, 1, 17), date(2026, 1, 23)


@pytest.mark.parametrize(
    ("calendars", "days", "per_year"),
    [
        ({"24/7"}, 7, 365),
        ({"24/7", "XNYS"}, 7, 365),
        ({"24/5"}, 5, 260),
        (set(), 5, 260),
        ({"XNYS"}, 4, 252),
        ({"XNYS", "24/5"}, 5, 260),
        ({"XNYS", "XETR"}, 5, 252),
        ({"NOSUCH"}, 5, 260),
    ],
)
def test_days_are_those_on_which_something_is_traded(calendars: set[str], days: int, per_year: int) -> None:
    measured = trading_days.list_trading_days(calendars, first=FIRST, last=LAST)

    assert (len(measured.days), measured.per_year) == (days, per_year)


def test_what_ends_on_another_day_counts_on_the_next_one_and_at_the_end_on_the_last() -> None:
    measured = TradingDays(days=(date(2026, 1, 16), date(2026, 1, 19)), per_year=260)
    pnl = {
        date(2026, 1, 16): Decimal(1),
        date(2026, 1, 18): Decimal(2),
        date(2026, 1, 19): Decimal(3),
        date(2026, 1, 20): Decimal(4),
    }

    assert measured.gather(pnl) == {date(2026, 1, 16): Decimal(1), date(2026, 1, 19): Decimal(9)}


def test_a_weekend_alone_still_has_days() -> None:
    assert len(trading_days.list_trading_days({"24/5"}, first=FIRST, last=date(2026, 1, 18)).days) == 2
