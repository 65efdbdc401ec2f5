"""Rolls of continuous futures: where the contract behind a series such as `ES1!` may have changed between two sessions.

A continuous series shows the contract that is traded most, and changes to the next one some days before the old one
expires; on which day is not known beforehand, and no bar says it. What bars do show is a gap of the price between two
sessions. In the days in which rolls happen such a gap is taken for one. Of futures on indices, currencies and European
bonds these are the two weeks up to the third Friday of March, June, September and December; of others, which roll in
any month and up to its end, all days from the 12th on. A gap of up to 0.2 % costs less than it would tell; a series
that was adjusted has none.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import Decimal

from domain import instruments
from domain.signal import Instrument

_SMALLEST_GAP = Decimal("0.002")
_SHORTEST_PAUSE = timedelta(minutes=30)  # futures rest for an hour a day, and over the weekend
_WHOLE_SESSION = timedelta(hours=12)
_QUARTERLY = re.compile(
    r"M?(ES|NQ|YM|RTY)|M2K|EMD|NKD|NIY|E7|J7|M?6[A-Z]|DX"
    r"|FDAX|FDXM|FDXS|FESX|FSXE|FXXP|FSMI|FESB|FGB[LMSX]|FBTP|FOAT"
)
_QUARTER = 3
_FIRST_DAY_OF_OTHERS = 12
_FRIDAY = 4
_WINDOW = timedelta(days=14)
_LONGEST_ROOT = 5


def is_roll(
    instrument: Instrument,
    before: Decimal | None,
    after: Decimal,
    *,
    ended_at: datetime,
    opened_at: datetime,
    closes_at: datetime,
) -> bool:
    """Return whether a bar that opens at the price `after` may be the first of another contract.

    `before` is the close of the last bar, which ended at `ended_at`; `closes_at` is the end of the bar.
    """
    if before is None or not is_continuous(instrument) or opened_at < ended_at:
        return False
    is_next_session = opened_at - ended_at >= _SHORTEST_PAUSE or closes_at - opened_at >= _WHOLE_SESSION
    return (
        is_next_session
        and may_roll(instrument.symbol, opened_at.date())
        and abs(after - before) > _SMALLEST_GAP * before
    )


def is_continuous(instrument: Instrument) -> bool:
    """Return whether an instrument is a future that names no contract month."""
    symbol = instrument.symbol
    is_root = len(symbol) <= _LONGEST_ROOT and instruments.list_lookup_symbols(instrument) == (symbol,)
    return is_root and instruments.is_future(instrument)


def may_roll(root: str, day: date) -> bool:
    """Return whether a continuous series may change its contract on a day."""
    if _QUARTERLY.fullmatch(root) is None:
        return day.day >= _FIRST_DAY_OF_OTHERS
    third_friday = _find_third_friday(day)
    return day.month % _QUARTER == 0 and third_friday - _WINDOW <= day <= third_friday + timedelta(days=3)


def _find_third_friday(day: date) -> date:
    first = day.replace(day=1)
    return first + timedelta(days=(_FRIDAY - first.weekday()) % 7 + 14)
